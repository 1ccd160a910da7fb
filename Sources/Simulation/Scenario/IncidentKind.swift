/// What can go wrong in the simulated city.
package enum IncidentKind: String, CaseIterable, Sendable {
  // traffic
  case congestion
  // environment
  case smoke, noise
  // lighting
  case leakage, streetDark = "street-dark", stuckContactor = "stuck-contactor", doorOpen = "door-open"
  // waste
  case methane, coldBurn = "cold-burn", pondFilling = "pond-filling", breakthrough
  // power, and lighting for the first
  case undervoltage, outage, overload
  // water
  case burst, pressureLoss = "pressure-loss", turbidity, chlorineLoss = "chlorine-loss"
  // any device
  case silence, frozen, fault

  /// The domains whose devices can show it, and the metric that shows it; nil where every device can.
  var shownBy: (domains: [String], metric: String)? {
    switch self {
    case .congestion: (["traffic"], "speed")
    case .smoke: (["environment"], "pm25")
    case .noise: (["environment"], "noise")
    case .leakage: (["lighting"], "leakage")
    case .streetDark, .stuckContactor: (["lighting"], "power")
    case .doorOpen: (["lighting"], "door")
    case .methane: (["waste"], "ch4")
    case .coldBurn: (["waste"], "t_secondary")
    case .pondFilling: (["waste"], "leachate_level")
    case .breakthrough: (["waste"], "cod")
    case .undervoltage: (["lighting", "power"], "voltage")
    case .outage: (["power"], "voltage")
    case .overload: (["power"], "power")
    case .burst, .pressureLoss: (["water"], "pressure")
    case .turbidity: (["water"], "turbidity")
    case .chlorineLoss: (["water"], "chlorine")
    case .silence, .frozen, .fault: nil
    }
  }

  var index: Int { Self.indices[self, default: 0] }
  private static let indices = Dictionary(uniqueKeysWithValues: allCases.enumerated().map { ($1, $0) })
}
