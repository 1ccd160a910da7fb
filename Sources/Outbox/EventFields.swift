/// The fields of events, as templates may name them: what `AlertEvent.cloudEvent`, and `GatewayEvent`, write.
package enum EventFields {
  package enum Kind: Sendable, Equatable {
    /// Text, a number, true or false; or null.
    case plain
    /// An object or a list; or null.
    case whole
  }

  private static let plain = Set(
    """
    specversion id source type subject time datacontenttype dataschema
    data.alert data.revision data.state data.severity data.late data.rule.id data.rule.version data.rule.name.vi data.rule.name.en
    data.site data.zone data.ward.code data.ward.valid_from data.ward.name
    data.device.id data.device.name data.device.profile data.device.location.lat data.device.location.lon data.deviceCount
    data.metric data.unit data.value data.condition.text data.limit.regulation data.limit.value data.limit.unit data.limit.valid_from
    data.forecast.metric data.forecast.limit data.forecast.crossesAt data.forecast.slopePerHour data.forecast.fit
    data.breachedAt data.raisedAt data.clearedAt data.detectedAt data.acknowledged.by data.acknowledged.at data.acknowledged.note
    data.message.vi data.message.en data.advice.vi data.advice.en
    data.cause data.from data.to data.count data.detail data.sink data.lastSequence data.waiting
    """.split(whereSeparator: \.isWhitespace).map(String.init))

  private static let whole: Set<String> = {
    var found: Set<String> = ["data.condition.values", "data.evidence", "data.devices"]
    for path in plain {
      var parts = path.split(separator: ".")
      while parts.count > 1 {
        parts.removeLast()
        found.insert(parts.joined(separator: "."))
      }
    }
    return found
  }()

  /// What stands at a path such as `data.rule.id`; nil where no event has it. The readings of one metric are `data.evidence.` and its name.
  package static func kind(of path: String) -> Kind? {
    if plain.contains(path) { return .plain }
    let metric = path.hasPrefix("data.evidence.") ? path.dropFirst("data.evidence.".count) : ""
    return whole.contains(path) || !metric.isEmpty && !metric.contains(".") ? .whole : nil
  }

  /// Those whose last part is near the last part of a path, for a message.
  static func near(_ path: String) -> [String] {
    let last = path.split(separator: ".").last.map { $0.lowercased() } ?? ""
    return (plain.union(whole)).filter { $0.split(separator: ".").last?.lowercased() == last }.sorted()
  }
}
