package import Readings

/// What nobody is to be told of for a while: alerts that all of its lists match, each by any of its values. An empty list matches all.
package struct Silence: Equatable, Codable, Sendable {
  /// Some hours of some days of the week, in Asia/Ho_Chi_Minh. Where `to` is not after `from` they end on the next day.
  package struct Weekly: Equatable, Codable, Sendable {
    /// 0 is Monday.
    package var days: [Int]
    /// Minutes since midnight; from is in it, to is not.
    package var from, to: Int
    package init(days: [Int], from: Int, to: Int) { (self.days, self.from, self.to) = (days, from, to) }
  }

  /// What of an alert silences ask for.
  package struct Facts: Sendable {
    package var rule: String
    package var device, zone: String?
    package var site: String
    package var severity: Severity
    package init(rule: String, device: String?, zone: String?, site: String, severity: Severity) {
      (self.rule, self.device, self.zone, self.site, self.severity) = (rule, device, zone, site, severity)
    }
  }

  package var id: String
  package var rules: [String] = []
  package var devices: [String] = []
  package var zones: [String] = []
  package var sites: [String] = []
  package var severities: [Severity] = []
  /// In [from, until); with `weekly`, only in its hours of that time.
  package var from, until: Timestamp
  package var weekly: Weekly?
  package var note: String?
  /// Who set it, and when.
  package var by: String
  package var at: Timestamp

  package init(id: String, from: Timestamp, until: Timestamp, by: String, at: Timestamp) {
    (self.id, self.from, self.until, self.by, self.at) = (id, from, until, by, at)
  }

  package var matchesEverything: Bool {
    rules.isEmpty && devices.isEmpty && zones.isEmpty && sites.isEmpty && severities.isEmpty
  }

  package func matches(_ alert: Facts) -> Bool {
    func agrees(_ values: [String], _ value: String?) -> Bool { values.isEmpty || value.map(values.contains) ?? false }
    return agrees(rules, alert.rule) && agrees(devices, alert.device) && agrees(zones, alert.zone) && agrees(sites, alert.site)
      && (severities.isEmpty || severities.contains(alert.severity))
  }

  package func isActive(at t: Timestamp) -> Bool { t >= from && t < until && (weekly?.holds(at: t) ?? true) }

  /// The first instant after `t` at which it ends, for good or for a while; nil where it never does, being over.
  package func nextEnd(after t: Timestamp) -> Timestamp? {
    guard t < until else { return nil }
    guard let weekly else { return until }
    guard let end = weekly.nextEnd(after: max(t, from)), end < until else { return until }
    return end
  }
}

extension Silence.Weekly {
  private static let day: Milliseconds = 86_400_000
  private static let minute: Milliseconds = 60_000
  /// The epoch was a Thursday.
  private static let weekdayOfEpoch: Int64 = 3

  private var length: Milliseconds { Int64(to > from ? to - from : to - from + 1440) * Self.minute }

  /// The local midnight that its day began with, by days since the epoch.
  private static func localDay(_ t: Timestamp) -> Int64 { (t.milliseconds + VietnamTime.offset).flooredQuotient(day) }

  private func begin(onDay day: Int64) -> Timestamp? {
    let weekday = Int((day + Self.weekdayOfEpoch) - (day + Self.weekdayOfEpoch).flooredQuotient(7) * 7)
    guard days.contains(weekday) else { return nil }
    return Timestamp(milliseconds: day * Self.day - VietnamTime.offset + Int64(from) * Self.minute)
  }

  func holds(at t: Timestamp) -> Bool {
    let today = Self.localDay(t)
    return [today - 1, today].contains { day in begin(onDay: day).map { t >= $0 && t < $0 + length } ?? false }
  }

  /// The first end after `t`: within eight days, as there is a day in it.
  func nextEnd(after t: Timestamp) -> Timestamp? {
    let today = Self.localDay(t)
    return (today - 1...today + 8).lazy.compactMap { begin(onDay: $0) }.map { $0 + length }.first { $0 > t && !holds(at: $0) }
  }
}

extension Int64 {
  fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}

/// All silences, as a value. Those that are over are let go of.
package struct SilenceBook: Equatable, Sendable {
  /// At most so many.
  package static let limit = 1000

  /// By id.
  package private(set) var silences: [String: Silence] = [:]
  /// The first instant at which one of them ends, for good or for a while.
  package private(set) var nextEnd: Timestamp?

  package init() {}

  package subscript(id: String) -> Silence? { silences[id] }
  package var count: Int { silences.count }

  package mutating func set(_ silence: Silence, at t: Timestamp) {
    silences[silence.id] = silence
    findNextEnd(after: t)
  }

  /// - Returns: false where there was none.
  package mutating func remove(_ id: String, at t: Timestamp) -> Bool {
    guard silences.removeValue(forKey: id) != nil else { return false }
    findNextEnd(after: t)
    return true
  }

  /// Lets go of those that are over at `t`, and returns their ids in order.
  package mutating func expire(at t: Timestamp) -> [String] {
    let over = silences.values.filter { $0.until <= t }.map(\.id).sorted()
    for id in over { silences[id] = nil }
    findNextEnd(after: t)
    return over
  }

  /// One may have ended that was not let go of: the next `expire` looks.
  package mutating func endIsDue() { nextEnd = Timestamp(milliseconds: .min) }

  /// What is over and was not let go of yet ends first.
  private mutating func findNextEnd(after t: Timestamp) {
    nextEnd = silences.values.compactMap { $0.until <= t ? $0.until : $0.nextEnd(after: t) }.min()
  }

  /// The silence that the alert falls under at `t`: of several, the first by id.
  package func match(_ alert: Silence.Facts, at t: Timestamp) -> String? {
    silences.values.lazy.filter { $0.isActive(at: t) && $0.matches(alert) }.map(\.id).min()
  }
}
