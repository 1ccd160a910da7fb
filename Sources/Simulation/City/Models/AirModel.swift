import DeviceRegistry

/// An air station: the region's haze, traffic and industry nearby, sun for ozone, and smoke from fires.
struct AirModel: DeviceModel {
  static let metrics = ["pm25", "pm10", "no2", "so2", "o3", "co", "temperature", "humidity", "rain", "wind", "pressure"]

  private let industry: Double
  private let offset: Double
  private var dust = AutoregressiveNoise(memory: 0.95)
  private var gas = AutoregressiveNoise(memory: 0.9)

  init(_ device: Device, _ random: inout SeededGenerator) {
    industry = device.attributes["setting"] == .text("industrial") ? 1 : 0
    offset = 0.9 + 0.2 * random.uniform()
  }

  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double]) {
    let weather = now.moment.weather
    let smoke = now.disturbance[.smoke]
    let rush = now.moment.rush
    let washed = weather.rain > 1 ? 0.6 : 1.0
    let haze = 29 * offset * washed * (1 + 0.25 * weather.stagnation + 0.12 * rush + 0.1 * industry)
    let pm25 = max(1, haze + 2.2 * now.noise * dust.next(&random)) + 150 * smoke
    let sun = max(0, Sun.elevation(at: now.moment.t, lat: now.lat, lon: now.lon)) / 90
    let wobble = now.noise * gas.next(&random)
    values.append(pm25)
    values.append(pm25 * 1.35 + 14 + 5 * industry + 2 * now.noise * random.normal().magnitude)
    values.append(max(1, 14 + 24 * rush + 6 * industry + 10 * smoke + 3 * wobble))
    values.append(max(0.5, 9 + 14 * industry + 4 * smoke + 1.5 * wobble))
    values.append(max(1, 24 + 130 * sun - 10 * rush - 3 * wobble))
    values.append(max(50, 420 + 380 * rush + 1800 * smoke + 45 * wobble))
    values.append(weather.temperature + 0.15 * now.noise * random.normal())
    values.append(min(100, weather.humidity + 0.4 * now.noise * random.normal()))
    values.append(max(0, weather.rain * now.moment.elapsed / 3600 * (1 + 0.1 * now.noise * random.normal())))
    values.append(max(0, weather.wind + 0.25 * now.noise * random.normal()))
    values.append(weather.pressure + 0.05 * now.noise * random.normal())
  }
}

/// A noise meter: the street's day, and whatever is loud.
struct NoiseModel: DeviceModel {
  static let metrics = ["noise"]

  private let offset: Double
  private var noise = AutoregressiveNoise(memory: 0.3)

  init(_ random: inout SeededGenerator) { offset = random.uniform() * 2 }

  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double]) {
    let quiet = now.moment.hour < 5 || now.moment.hour >= 22 ? -7.0 : 0
    values.append(55 + offset + quiet + 8 * now.moment.rush + 19 * now.disturbance[.noise] + 1.1 * now.noise * noise.next(&random))
  }
}
