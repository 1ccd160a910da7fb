import Readings

/// The devices that were heard and that nobody registered: the first ones by name, up to a limit, all others together under no name.
///
/// Each name has one sample in the store, due when the name is first heard and again once an hour of the engine's clock: a flood
/// of names costs the disk no more than the limit, and a flood under one name nothing.
struct UnknownDevices {
  static let renewal: Milliseconds = 3_600_000

  /// Names that are remembered.
  private let limit: Int
  /// When the stored sample of each was taken.
  private var sampledAt: [String: Timestamp] = [:]
  private var othersSampledAt: Timestamp?

  init(limit: Int) { self.limit = limit }

  /// A message of an unknown device came: the name under which to keep it as a sample, empty beyond the limit; nil where a recent one is there.
  mutating func sampleDue(_ name: String, at: Timestamp) -> String? {
    let last = sampledAt[name]
    if last == nil, sampledAt.count >= limit {
      if let others = othersSampledAt, at - others < Self.renewal { return nil }
      othersSampledAt = at
      return ""
    }
    if let last, at - last < Self.renewal { return nil }
    sampledAt[name] = at
    return name
  }

  /// After a restart: the samples that the store has, at most `limit` with a name.
  mutating func restore(_ samples: [(name: String, at: Timestamp)]) {
    for sample in samples { if sample.name.isEmpty { othersSampledAt = sample.at } else { sampledAt[sample.name] = sample.at } }
  }
}
