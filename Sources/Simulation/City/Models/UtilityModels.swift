import DeviceRegistry

/// A feeder: load follows the day, and the voltage sinks a little with it.
struct PowerModel: DeviceModel {
  static let metrics = ["power", "voltage", "current", "power_factor", "energy"]

  private let ratedPower: Double
  private var energy: Double
  private var loadNoise = AutoregressiveNoise(memory: 0.9)
  private var voltageNoise = AutoregressiveNoise(memory: 0.85)

  init(_ device: Device, _ random: inout SeededGenerator) {
    ratedPower = device.attribute("rated_power", 500_000)
    energy = 1_000_000 + (random.uniform() * 1_000_000).rounded()
  }

  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double]) {
    let moment = now.moment
    let day =
      0.34 + 0.16 * moment.bump(11, 3) + 0.14 * moment.bump(15.5, 2.5) + 0.22 * moment.bump(19.5, 2.2) - (moment.isWeekend ? 0.06 : 0)
    let share = max(0.05, day + 0.02 * now.noise * loadNoise.next(&random) + 0.75 * now.disturbance[.overload])
    let dead = now.disturbance[.outage] > 0
    let voltage =
      dead ? 0 : 224.5 - 4 * share + 0.6 * now.noise * voltageNoise.next(&random) - 24 * now.disturbance[.undervoltage]
    let power = dead ? 0 : ratedPower * share
    let factor = 0.955 - 0.02 * moment.bump(3, 3) + 0.003 * now.noise * random.normal()
    energy += power * moment.elapsed / 3_600_000
    values.append(power)
    values.append(voltage)
    // Three phases, each at this voltage.
    values.append(dead ? 0 : power / (3 * voltage * factor))
    values.append(dead ? .nan : factor)
    values.append(energy)
  }
}

/// A district main: people drink, wash and cook in the morning and the evening, and hardly at three at night.
struct WaterModel: DeviceModel {
  static let metrics = ["flow", "volume_total", "pressure", "turbidity", "chlorine", "ph"]

  private let meanFlow: Double
  private let nominalPressure: Double
  private var volume: Double
  private var flowNoise = AutoregressiveNoise(memory: 0.8)
  private var quality = AutoregressiveNoise(memory: 0.95)

  init(_ device: Device, _ random: inout SeededGenerator) {
    meanFlow = device.attribute("mean_flow", 100)
    nominalPressure = device.attribute("nominal_pressure", 3)
    volume = 500_000 + (random.uniform() * 500_000).rounded()
  }

  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double]) {
    let moment = now.moment
    let demand =
      0.35 + 0.8 * moment.bump(6.8, 1.2) + 0.45 * moment.bump(11.5, 2) + 0.95 * moment.bump(18.5, 1.8) + 0.3 * moment.bump(21, 1.5)
    let burst = now.disturbance[.burst]
    let starved = min(1, now.disturbance[.pressureLoss])
    let thirst = demand * (1 + 0.03 * now.noise * flowNoise.next(&random))
    let flow = meanFlow * (thirst * (1 - 0.4 * starved) + 1.4 * burst)
    let pressure = nominalPressure * (1.04 - 0.08 * demand) * (1 - 0.55 * starved) / (1 + 0.9 * burst)
    let wobble = now.noise * quality.next(&random)
    volume += flow * moment.elapsed / 3600
    values.append(max(0, flow))
    values.append(volume)
    values.append(max(0, pressure + 0.02 * now.noise * random.normal()))
    values.append(max(0.02, 0.38 + 0.05 * wobble + 3.2 * now.disturbance[.turbidity] + 0.3 * burst))
    values.append(max(0.02, 0.55 + 0.03 * wobble - 0.5 * now.disturbance[.chlorineLoss]))
    values.append(7.3 + 0.03 * now.noise * random.normal())
  }
}
