import Foundation
import Readings

/// An instant as the city's life sees it, in Vietnam's time.
struct Moment: Sendable {
  let t: Timestamp
  /// Hours since midnight, 0 up to 24.
  let hour: Double
  /// 0 Monday … 6 Sunday.
  let weekday: Int
  /// Days since 1 January, with its fraction.
  let dayOfYear: Double
  /// Seconds since this device's last sample.
  let elapsed: Double
  let weather: Weather.State

  init(_ t: Timestamp, elapsed: Double, weather: Weather) {
    let local = t.milliseconds + VietnamTime.offset
    let day = local >= 0 ? local / 86_400_000 : (local - 86_399_999) / 86_400_000
    self.t = t
    self.elapsed = elapsed
    hour = Double(local - day * 86_400_000) / 3_600_000
    weekday = Int(((day + 3) % 7 + 7) % 7)
    let year = CivilDate.fromDay(Int(day)).year
    dayOfYear = Double(Int(day) - CivilDate.toDay(year: year, month: 1, day: 1)) + hour / 24
    self.weather = weather.state(at: t, hour: hour, dayOfYear: dayOfYear)
  }

  var isWeekend: Bool { weekday >= 5 }

  /// How busy the streets are, 0 to 1: rush before work, a noon break at home, rush after work; weekends later and flatter.
  var rush: Double {
    let night = 0.05
    let day = 0.30 * bump(12.5, 5.5)
    let work = 0.62 * bump(7.2, 0.8) + 0.28 * bump(11.4, 0.7) + 0.28 * bump(13.4, 0.7) + 0.65 * bump(17.3, 1.0) + 0.15 * bump(20, 1.5)
    let leisure = 0.25 * bump(9.5, 1.5) + 0.35 * bump(18, 2) + 0.2 * bump(20.5, 1.5)
    return min(1, night + day + (isWeekend ? leisure : work))
  }

  /// A bell of height 1 around an hour of the day, which reaches over midnight.
  func bump(_ centre: Double, _ width: Double) -> Double {
    var distance = abs(hour - centre)
    if distance > 12 { distance = 24 - distance }
    let x = distance / width
    return exp(-x * x / 2)
  }
}
