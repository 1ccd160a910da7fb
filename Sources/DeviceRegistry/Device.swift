package import Readings

package struct Location: Hashable, Sendable {
  /// WGS 84, degrees.
  package var lat: Double
  package var lon: Double
}

/// A ward as a unit of its time: codes are reused for other units, so that only code and first day together name one.
package struct WardID: Hashable, Sendable {
  package var code: String
  /// `yyyy-MM-dd`.
  package var validFrom: String
}

package struct Ward: Sendable {
  package var id: WardID
  package var name: String
  package var validTo: String?
  package var successors: [WardID]
}

package struct Site: Sendable {
  package var id: String
  package var name: String
  package var location: Location?
}

package enum AttributeValue: Hashable, Sendable {
  case number(Double)
  case text(String)

  /// A number where the text is one; `nan` and `inf` are words like others.
  package init(text: String) {
    if let number = Double(text), number.isFinite { self = .number(number) } else { self = .text(text) }
  }
}

/// A registered device.
package struct Device: Sendable {
  package var id: String
  /// Index into the registry's profiles.
  package var profile: Int
  package var name: String
  package var site: String
  package var zone: String?
  /// The wards it has stood in, oldest first, each with the instant from which it counts.
  package var wards: [(since: Timestamp, ward: WardID)]
  package var location: Location?
  package var attributes: [String: AttributeValue]
  /// DevEUI or serial number, lower-case.
  package var address: String?
  /// The broker user that may speak for it.
  package var source: String?
  /// Its own interval, where it is not the profile's.
  package var interval: Milliseconds?
  package var limits: [String: Double]

  /// The ward of that time.
  package func ward(at t: Timestamp) -> WardID? { wards.last { $0.since <= t }?.ward ?? wards.first?.ward }
}
