import Foundation
package import Readings

/// Where the sun stands, to within half a degree: enough for street lights and for the day's warmth.
package enum Sun {
  /// Height over the horizon in degrees, refraction apart (formulas: NOAA's solar calculator, shortened).
  package static func elevation(at t: Timestamp, lat: Double, lon: Double) -> Double {
    let days = Double(t.milliseconds) / 86_400_000
    let century = (days - 10_957.5) / 36_525
    let meanLongitude = 280.46646 + 36_000.76983 * century
    let anomaly = radians(357.52911 + 35_999.05029 * century)
    let centre = 1.914602 * sin(anomaly) + 0.019993 * sin(2 * anomaly)
    let longitude = radians(meanLongitude + centre - 0.00569)
    let tilt = radians(23.4393 - 0.0130 * century)
    let declination = asin(sin(tilt) * sin(longitude))
    let rightAscension = atan2(cos(tilt) * sin(longitude), cos(longitude))
    let siderealDegrees = 280.46062 + 360.98564737 * (days - 10_957.5) + lon
    let hourAngle = radians(siderealDegrees.truncatingRemainder(dividingBy: 360)) - rightAscension
    let latitude = radians(lat)
    return asin(sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hourAngle)) * 180 / .pi
  }

  private static func radians(_ degrees: Double) -> Double { degrees * .pi / 180 }
}
