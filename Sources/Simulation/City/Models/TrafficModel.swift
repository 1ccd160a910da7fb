import DeviceRegistry

/// A road: demand follows the day, speed falls as demand nears capacity, and an obstacle takes capacity away.
struct TrafficModel: DeviceModel {
  static let metrics = ["speed", "volume", "occupancy", "queue"]
  /// Vehicles a minute of one lane at capacity.
  private static let laneCapacity = 15.0

  private let freeFlow: Double
  private let lanes: Double
  private let popularity: Double
  private var demandNoise = AutoregressiveNoise(memory: 0.85)
  private var speedNoise = AutoregressiveNoise(memory: 0.5)

  init(_ device: Device, _ random: inout SeededGenerator) {
    freeFlow = device.attribute("free_flow", 50)
    lanes = device.attribute("lanes", 2)
    popularity = 0.75 + 0.25 * random.uniform()
  }

  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double]) {
    let blocked = min(1, now.disturbance[.congestion])
    let load = min(1, max(0.02, now.moment.rush * popularity * (1 + 0.08 * now.noise * demandNoise.next(&random))))
    let wet = now.moment.weather.rain > 1 ? 0.9 : 1.0
    let freeSpeed = freeFlow * wet * (1.03 - 0.22 * load * load)
    let speed = freeSpeed * (1 - 0.85 * blocked) + (1.6 - blocked) * now.noise * speedNoise.next(&random)
    let capacity = Self.laneCapacity * lanes * now.moment.elapsed / 60
    let mean = min(load, 1 - 0.7 * blocked) * capacity
    values.append(max(1.5, speed))
    values.append(max(0, mean + now.noise * mean.squareRoot() * random.normal()).rounded())
    values.append(min(100, max(0, 1 + 20 * load + 55 * blocked + 1.2 * now.noise * random.normal())))
    values.append(max(0, 25 * load * load + 480 * blocked * (0.5 + load / 2) + 4 * now.noise * random.normal()).rounded())
  }
}
