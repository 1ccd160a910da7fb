package import Readings

/// What one metric of a profile measures.
package struct Metric: Sendable {
  package enum Kind: Sendable { case gauge, counter }
  package enum Report: Sendable { case periodic, onChange }

  package var name: String
  /// Unit after the field's habit: `km/h`, `µg/m³`, `1` for a pure number.
  package var unit: String
  /// Values outside are stored as status `range`, unless `usesOverRange`.
  package var range: ClosedRange<Double>?
  package var usesOverRange = false
  package var scale: DecimalScale
  package var kind: Kind = .gauge
  package var report: Report = .periodic
  /// Numbers for the strings that this device sends.
  package var words: [String: Double] = [:]
}

/// How a kind of device speaks and what it measures.
package struct Profile: Sendable {
  package enum Codec: String, Sendable { case native, senml, chirpstack, ttn, json }

  package var id: String
  package var domain: String
  package var name: BilingualText
  /// How often such a device reports.
  package var interval: Milliseconds
  package var codec: Codec
  /// In the file's order; a reading names its metric by this index.
  package var metrics: [Metric]

  package func metricIndex(_ name: String) -> Int? { metrics.firstIndex { $0.name == name } }
}
