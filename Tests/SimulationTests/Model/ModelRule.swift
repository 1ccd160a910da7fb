/// A step of a rule's escalation.
struct ModelStep: Sendable {
  var severity: String
  var when: @Sendable (ModelView) -> Bool?
  var hold: Int64 = 0

  var patience: Int64 { max(hold, 3 * ModelTown.interval) }
}

/// A rule as conditions in Swift. Times are in milliseconds.
struct ModelRule: Sendable {
  var id: String
  /// All that `when` and `clear` read: the rule is for devices that have them all.
  var metrics: [String]
  /// It asks for an `age`, and so is evaluated at ticks too.
  var usesClock = false
  var when: @Sendable (ModelView) -> Bool?
  var hold: Int64 = 0
  /// nil is not `when`.
  var clear: (@Sendable (ModelView) -> Bool?)?
  var clearHold: Int64 = 0
  var severity: String
  var steps: [ModelStep] = []
  /// The rules that inhibit it, each on the same `device` or `site`.
  var inhibitedBy: [(rule: String, same: String)] = []
  var flapping: (turns: Int, within: Int64)?
  var remind: Int64?

  func isFor(_ device: ModelDevice) -> Bool { metrics.allSatisfy { device.metric($0) != nil } }

  /// How long a pending may hear nothing true.
  var patience: Int64 { max(hold, 3 * ModelTown.interval) }
  /// And what is about to clear.
  var clearPatience: Int64 { max(clearHold, 3 * ModelTown.interval) }
}

/// The rules of `SimulatedTown.rules` once more, by hand.
enum ModelRules {
  private static let second: Int64 = 1000
  private static let minute: Int64 = 60_000
  /// Values are hundredths.
  private static let one: Int64 = 100

  /// In order of id, but for those that others inhibit: they come as soon as all of these have.
  static let all = [
    ModelRule(
      id: "door", metrics: ["door"], when: { view in view.last("door").map { $0 == one } }, hold: minute, clearHold: 30 * second,
      severity: "major"),
    ModelRule(
      id: "door-dead", metrics: ["door", "power"], usesClock: true,
      when: { view in Kleene.and(view.last("door").map { $0 == one }, view.age("power") > 90 * second) }, severity: "critical"),
    ModelRule(
      id: "either", metrics: ["speed", "volume", "occupancy"],
      when: { view in Kleene.or(view.last("speed").map { $0 < 5 * one }, view.last("volume").map { $0 > 90 * one }) },
      clear: { view in view.last("occupancy").map { $0 < 50 * one } }, severity: "critical"),
    ModelRule(
      id: "few", metrics: ["speed"], when: { view in view.count("speed", 5 * minute) < 3 },
      clear: { view in view.count("speed", 5 * minute) > 4 }, severity: "info"),
    ModelRule(
      id: "flips", metrics: ["occupancy"], when: { view in view.last("occupancy").map { $0 > 30 * one } }, severity: "info",
      flapping: (4, 10 * minute)),
    ModelRule(
      id: "jam", metrics: ["speed", "occupancy"],
      when: { view in
        Kleene.and(view.mean("speed", 3 * minute, isBelow: 20 * one), view.mean("occupancy", 3 * minute, isAbove: 35 * one))
      }, hold: minute, clear: { view in view.mean("speed", 3 * minute, isAbove: 25 * one) }, clearHold: minute, severity: "major"),
    ModelRule(
      id: "silent", metrics: ["speed"], usesClock: true, when: { view in view.age("speed") > 2 * minute }, hold: minute, severity: "minor"),
    ModelRule(
      id: "slow-long", metrics: ["speed"], when: { view in view.last("speed").map { $0 < 10 * one } }, hold: minute, severity: "minor",
      steps: [
        ModelStep(severity: "major", when: { view in view.last("speed").map { $0 < 5 * one } }, hold: minute),
        ModelStep(severity: "critical", when: { view in view.count("speed", 5 * minute) > 3 }),
      ], remind: 3 * minute),
    ModelRule(id: "slow-now", metrics: ["speed"], when: { view in view.last("speed").map { $0 < 10 * one } }, severity: "minor"),
    ModelRule(
      id: "crawl", metrics: ["speed"], when: { view in view.last("speed").map { $0 < 12 * one } }, severity: "major",
      inhibitedBy: [("silent", "site"), ("slow-now", "device")]),
    ModelRule(
      id: "spread", metrics: ["speed"],
      when: { view in
        guard let high = view.max("speed", 5 * minute), let low = view.min("speed", 5 * minute) else { return nil }
        return high - low > 40 * one
      }, hold: 2 * minute, severity: "info"),
  ]
}
