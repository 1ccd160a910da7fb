package import Readings

/// One thing that goes wrong, for whom, when and how badly.
package struct Incident: Sendable {
  package var id: String
  package var kind: IncidentKind
  package var devices: [String]
  /// Since the scenario's start.
  package var from: Milliseconds
  package var length: Milliseconds
  /// Rises to its full strength this long, and falls as long at its end.
  package var ramp: Milliseconds
  /// 1 is a plain case of its kind, 0 nothing.
  package var strength: Double
  /// Rules that should raise an alert for it.
  package var expect: [String]

  package init(
    id: String, kind: IncidentKind, devices: [String], from: Milliseconds, length: Milliseconds, ramp: Milliseconds = 0,
    strength: Double = 1,
    expect: [String] = []
  ) {
    (self.id, self.kind, self.devices, self.from, self.length) = (id, kind, devices, from, length)
    (self.ramp, self.strength, self.expect) = (ramp, strength, expect)
  }

  /// How strong it is at an instant since the scenario's start.
  package func intensity(at offset: Milliseconds) -> Double {
    guard offset >= from, offset < from + length else { return 0 }
    guard ramp > 0 else { return strength }
    let edge = Double(min(offset - from, from + length - offset)) / Double(ramp)
    return strength * min(1, edge)
  }
}

/// Which of the registered devices take part.
package struct DeviceSelection: Sendable {
  /// Each empty list stands for all.
  package var sites: [String] = []
  package var domains: [String] = []
  package var devices: [String] = []
  package init() {}

  package func contains(id: String, site: String, domain: String) -> Bool {
    (sites.isEmpty || sites.contains(site)) && (domains.isEmpty || domains.contains(domain)) && (devices.isEmpty || devices.contains(id))
  }
}

/// A day of the simulated city: who takes part, from when, and what goes wrong. `ScenarioFile` reads it; `Simulator/README.md` shows its format.
package struct Scenario: Sendable {
  package var name: BilingualText
  package var start: Timestamp
  /// How much is simulated where the caller does not say.
  package var length: Milliseconds = 3_600_000
  package var seed: UInt64 = 1
  package var selection = DeviceSelection()
  /// Scales every sensor's noise; 0 is none.
  package var noise: Double = 1
  /// From a reading's own time to its arrival.
  package var latency: ClosedRange<Milliseconds> = 40...900
  package var weather = WeatherKnobs()
  package var incidents: [Incident] = []

  package init(name: BilingualText, start: Timestamp) { (self.name, self.start) = (name, start) }
}
