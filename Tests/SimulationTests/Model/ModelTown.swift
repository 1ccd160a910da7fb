/// A metric of a device of the simulated town.
struct ModelMetric: Sendable {
  var name: String
  /// Finite values outside are stored as status `range`; nil where none are.
  var range: ClosedRange<Double>?
  /// What strings mean.
  var words: [String: Double] = [:]
}

/// A device of the simulated town. All of them report once a minute.
struct ModelDevice: Sendable {
  var id: String
  var site: String
  var domain: String
  var metrics: [ModelMetric]

  var subject: String { "\(site)/\(domain)/\(id)" }
  func metric(_ name: String) -> Int? { metrics.firstIndex { $0.name == name } }
}

/// The town of `SimulatedTown.files` once more, by hand.
enum ModelTown {
  static let interval: Int64 = 60_000

  private static let radar = [
    ModelMetric(name: "speed", range: 0...250),
    ModelMetric(name: "occupancy", range: 0...100),
    ModelMetric(name: "queue"),  // what is over its range is used
    ModelMetric(name: "volume"),
  ]
  private static let cabinet = [ModelMetric(name: "power"), ModelMetric(name: "door", words: ["OPEN": 1, "CLOSED": 0])]

  /// In order of subject.
  static let devices = [
    ModelDevice(id: "cab-1", site: "s", domain: "lighting", metrics: cabinet),
    ModelDevice(id: "tr-1", site: "s", domain: "traffic", metrics: radar),
    ModelDevice(id: "tr-2", site: "s", domain: "traffic", metrics: radar),
    ModelDevice(id: "tr-3", site: "z", domain: "traffic", metrics: radar),
  ]
}
