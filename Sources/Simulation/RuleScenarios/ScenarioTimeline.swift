import DeviceRegistry
import Readings

/// Turns spans of data into messages: one an interval, the first at the scenario's start.
struct ScenarioTimeline {
  /// Messages of one scenario, at most.
  static let messagesMax = 200_000
  private static let ownKeys: Set<String> = ["for", "silent", "status", "every"]

  let registry: Registry
  let start: Timestamp

  typealias Message = (at: Timestamp, step: RuleScenario.Step)

  /// How a metric runs over one span.
  private enum Course {
    case constant(Double)
    case line(from: Double, to: Double)
    case word(String)
    case nothing
  }

  private struct Span {
    var from: Timestamp
    var to: Timestamp
    var interval: Milliseconds
    var status: String?
    /// By index into the profile's metrics.
    var courses: [(metric: Int, course: Course)] = []
  }

  /// - Returns: the messages of all devices, and when the longest data end.
  func read(_ data: YAMLValue) -> (messages: [Message], end: Timestamp) {
    var messages: [Message] = []
    var end = start
    for (device, spans) in spansByDevice(data) {
      var next = start
      var at = start
      for entry in spans {
        guard let span = readSpan(entry, device, from: at) else { continue }
        at = span.to
        while next < span.to {
          if !span.courses.isEmpty { messages.append(message(span, device, at: next)) }
          next = next + span.interval
          guard messages.count <= Self.messagesMax else {
            entry.fault("the scenario has more than \(Self.messagesMax) messages")
            return ([], start)
          }
        }
      }
      end = max(end, at)
    }
    return (messages, end)
  }

  /// The list of spans for each device, or one for all.
  private func spansByDevice(_ data: YAMLValue) -> [(device: Int, spans: [YAMLValue])] {
    guard data.isMapping else {
      let spans = data.list() ?? []
      return registry.devices.indices.map { ($0, spans) }
    }
    return (data.openMapping() ?? []).compactMap { key, value in
      guard let id = key.text() else { return nil }
      guard let device = registry.deviceIndex(id) else {
        key.fault("the scenario has no device \(id); it has \(registry.devices.map(\.id).joined(separator: ", "))")
        return nil
      }
      return (device, value.list() ?? [])
    }
  }

  private func readSpan(_ value: YAMLValue, _ device: Int, from: Timestamp) -> Span? {
    guard let entries = value.openMapping() else { return nil }
    let map = Dictionary(
      entries.compactMap { entry in entry.key.string.map { ($0, entry.value) } }, uniquingKeysWith: { first, _ in first })
    guard let length = map["for"] else {
      value.fault("\"for\" is missing: how long, such as 10m")
      return nil
    }
    guard let milliseconds = length.duration() else { return nil }
    let profile = registry.profile(of: device)
    var span = Span(from: from, to: from + milliseconds, interval: registry.interval(of: device))
    if let every = map["every"]?.duration() {
      if every < 1000 { map["every"]?.fault("at least 1s") } else { span.interval = every }
    }
    if let status = map["status"]?.text() { span.status = status }
    for (key, course) in entries {
      guard let name = key.string, !Self.ownKeys.contains(name) else { continue }
      guard let metric = profile.metricIndex(name) else {
        key.fault("\(profile.id) has no metric \(name); it has \(profile.metrics.map(\.name).joined(separator: ", "))")
        continue
      }
      if let course = readCourse(course, profile.metrics[metric]) { span.courses.append((metric, course)) }
    }
    let isSilent = map["silent"]?.flag() ?? false
    if isSilent != span.courses.isEmpty {
      value.fault(isSilent ? "a silent span has no values" : "a span has values, or is silent: true")
    }
    return span
  }

  private func readCourse(_ value: YAMLValue, _ metric: Metric) -> Course? {
    if value.isNull { return .nothing }
    if value.isList {
      guard let ends = value.list(), ends.count == 2, let from = ends[0].number(), let to = ends[1].number() else {
        value.fault("a line is [first, last], such as [45, 8]")
        return nil
      }
      return .line(from: from, to: to)
    }
    if let word = value.string, metric.words[word] != nil { return .word(word) }
    return value.number().map(Course.constant)
  }

  private func message(_ span: Span, _ device: Int, at: Timestamp) -> Message {
    let metrics = registry.profile(of: device).metrics
    var json = JSONWriter()
    json.object { json in
      json.field("ts", at.milliseconds)
      json.field(
        "values",
        object: { json in
          for (metric, course) in span.courses { write(course, metrics[metric], span, at, into: &json) }
        })
      if let status = span.status { json.field("status", status) }
    }
    return (at, .message(topic: "thuong/v1/\(registry.subject(of: device))/telemetry", payload: json.bytes))
  }

  private func write(_ course: Course, _ metric: Metric, _ span: Span, _ at: Timestamp, into json: inout JSONWriter) {
    switch course {
    case .constant(let value): json.field(metric.name, value)
    case .word(let word): json.field(metric.name, word)
    case .nothing: json.fieldNull(metric.name)
    case .line(let from, let to):
      let share = Double(at - span.from) / Double(max(1, span.to - span.from))
      json.field(metric.name, (from + (to - from) * share).rounded(toDecimals: metric.scale.decimals))
    }
  }
}
