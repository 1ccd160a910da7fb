import Foundation
import Readings

/// What a scenario fixes of the weather; what it leaves open follows the season.
package struct WeatherKnobs: Sendable {
  /// Mean of the day, °C.
  package var temperature: Double?
  /// Mean wind, m/s.
  package var wind: Double = 1.8
  /// Mean rain, mm an hour.
  package var rain: Double = 0
  /// Mean pressure, hPa.
  package var pressure: Double?
  package init() {}
}

/// The weather over both towns as a pure function of time and seed, so that all stations of a region feel the same day.
struct Weather: Sendable {
  struct State: Sendable {
    /// °C.
    var temperature: Double
    /// Percent.
    var humidity: Double
    /// m/s.
    var wind: Double
    /// mm an hour.
    var rain: Double
    /// hPa.
    var pressure: Double
    /// Change of pressure over the last three hours, hPa.
    var pressureTrend: Double
    /// How badly the air mixes, -1 to 1: morning inversions hold smoke down.
    var stagnation: Double
  }

  let knobs: WeatherKnobs
  let seed: UInt64

  func state(at t: Timestamp, hour: Double, dayOfYear: Double) -> State {
    // The year is warmest in early July; the day at two in the afternoon.
    let season = cos((dayOfYear - 185) / 365 * 2 * .pi)
    let mean = knobs.temperature ?? 23.5 + 6.5 * season
    let daily = cos((hour - 14) / 24 * 2 * .pi)
    let front = smooth(t, period: 36 * 3_600_000, stream: 1)
    let temperature = mean + 3.8 * daily + 1.5 * front
    let calm = smooth(t, period: 4 * 3_600_000, stream: 2)
    let shower = max(0, smooth(t, period: 2_400_000, stream: 3) - 0.2)
    let pressure = pressure(at: t, hour: hour, season: season)
    return State(
      temperature: temperature, humidity: min(100, max(30, 80 - 9 * daily - 4 * front)),
      wind: max(0.1, knobs.wind * (1 + 0.35 * daily - 0.4 * calm)),
      rain: knobs.rain * shower * 4, pressure: pressure,
      pressureTrend: pressure - self.pressure(at: t - 10_800_000, hour: hour - 3, season: season), stagnation: 0.6 * -daily + 0.4 * calm)
  }

  private func pressure(at t: Timestamp, hour: Double, season: Double) -> Double {
    let mean = knobs.pressure ?? 1010.5 - 7.5 * season
    // The atmosphere's tide: highest at ten, morning and evening.
    return mean + 1.3 * cos((hour - 10) / 12 * 2 * .pi) + 2.2 * smooth(t, period: 30 * 3_600_000, stream: 4)
  }

  /// Smooth noise from -1 to 1: numbers drawn for each multiple of the period, joined by a cubic.
  private func smooth(_ t: Timestamp, period: Int64, stream: UInt64) -> Double {
    let index = t.milliseconds >= 0 ? t.milliseconds / period : (t.milliseconds - period + 1) / period
    let x = Double(t.milliseconds - index * period) / Double(period)
    let a = knot(index, stream)
    let b = knot(index + 1, stream)
    return a + (b - a) * x * x * (3 - 2 * x)
  }

  private func knot(_ index: Int64, _ stream: UInt64) -> Double {
    let mixed = SplitMix.mix(seed ^ SplitMix.mix(UInt64(bitPattern: index) &+ stream &* 0x9e37_79b9_7f4a_7c15))
    return Double(mixed >> 11) * 0x1p-52 - 1
  }
}
