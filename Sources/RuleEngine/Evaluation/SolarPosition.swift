import DeviceRegistry
import Foundation
import Readings

/// Where the sun stands in the sky of the whole Earth at one instant.
///
/// Source: The Astronomical Almanac, "Low-precision formulas for the Sun's coordinates", as the U.S. Naval Observatory gives them in
/// "Computing Approximate Solar Coordinates" and "Computing Greenwich Apparent Sidereal Time": within 0.01° from 1950 to 2050, which is a
/// few seconds of dusk.
struct SolarPosition {
  private let sineOfDeclination: Double
  private let cosineOfDeclination: Double
  /// Hour angle at Greenwich, radians.
  private let hourAngle: Double

  /// - Parameter t: milliseconds since 1970.
  init(at t: Int64) {
    // Days from noon of 2000-01-01, Greenwich.
    let days = Double(t) / 86_400_000 - 10_957.5
    let anomaly = Self.radians(357.529 + 0.98560028 * days)
    let meanLongitude = 280.459 + 0.98564736 * days
    let longitude = Self.radians(meanLongitude + 1.915 * sin(anomaly) + 0.020 * sin(2 * anomaly))
    let obliquity = Self.radians(23.439 - 0.00000036 * days)
    let rightAscension = atan2(cos(obliquity) * sin(longitude), cos(longitude))
    let siderealHours = (18.697374558 + 24.06570982441908 * days).truncatingRemainder(dividingBy: 24)
    sineOfDeclination = sin(obliquity) * sin(longitude)
    cosineOfDeclination = (1 - sineOfDeclination * sineOfDeclination).squareRoot()
    hourAngle = Self.radians(siderealHours * 15) - rightAscension
  }

  private static func radians(_ degrees: Double) -> Double { degrees * .pi / 180 }

  /// The sine of the sun's height over the horizon there, refraction apart; NaN of an unknown place.
  func sineOfHeight(over place: SolarPlace) -> Double {
    place.sineOfLatitude * sineOfDeclination + place.cosineOfLatitude * cosineOfDeclination * cos(hourAngle + place.longitude)
  }

  /// That of −6°, at which civil twilight ends.
  static let sineOfDusk = sin(radians(-6))
}

/// A place as the sun's height needs it; of an unknown one all is NaN.
struct SolarPlace: Sendable {
  let sineOfLatitude: Double
  let cosineOfLatitude: Double
  /// Radians, east.
  let longitude: Double

  init(_ location: Location?) {
    let latitude = location.map { $0.lat * .pi / 180 } ?? .nan
    (sineOfLatitude, cosineOfLatitude) = (sin(latitude), cos(latitude))
    longitude = location.map { $0.lon * .pi / 180 } ?? .nan
  }

  /// The device's own, else its site's.
  static func location(of device: Device, in registry: Registry) -> Location? {
    device.location ?? registry.sites.first { $0.id == device.site }?.location
  }
}
