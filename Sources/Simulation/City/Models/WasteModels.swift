import DeviceRegistry

/// A landfill's edge: falling pressure draws gas out of the ground.
struct LandfillGasModel: DeviceModel {
  static let metrics = ["ch4", "h2s", "nh3"]

  private let base: Double
  private var seep = AutoregressiveNoise(memory: 0.9)

  init(_ random: inout SeededGenerator) { base = 0.12 + 0.04 * random.uniform() }

  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double]) {
    let breath = max(0.3, 1 - 0.12 * now.moment.weather.pressureTrend)
    let methane = now.disturbance[.methane]
    let ch4 = max(0.01, base * breath + 0.015 * now.noise * seep.next(&random)) + 1.9 * methane
    values.append(ch4)
    values.append(max(0, 0.010 * breath + 0.03 * methane + 0.001 * now.noise * random.normal()))
    values.append(max(0, 0.06 * breath + 0.05 * methane + 0.01 * now.noise * random.normal()))
  }
}

/// A leachate pond that rain fills, and its treated outlet.
struct LeachateModel: DeviceModel {
  static let metrics = ["leachate_level", "cod", "tss", "nh4", "ph", "flow"]

  private let depth: Double
  private var rise = 0.0
  private var quality = AutoregressiveNoise(memory: 0.9)

  init(_ device: Device) { depth = device.attribute("pond_depth", 4) }

  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double]) {
    rise = min(0.2, max(0, rise + (now.moment.weather.rain * 0.002 - 0.001) * now.moment.elapsed / 3600))
    let filling = now.disturbance[.pondFilling]
    let broken = now.disturbance[.breakthrough]
    let wobble = now.noise * quality.next(&random)
    values.append(depth * min(1.05, 0.6 + rise + 0.37 * filling) + 0.005 * now.noise * random.normal())
    values.append(max(10, 185 + 12 * wobble + 260 * broken))
    values.append(max(5, 55 + 5 * wobble + 60 * broken))
    values.append(max(1, 14 + 1.2 * wobble + 22 * broken))
    values.append(7.6 + 0.06 * now.noise * random.normal())
    values.append(max(0, 11 + 4 * now.moment.bump(14, 5) + 0.4 * now.noise * random.normal()))
  }
}

/// An incinerator at its set points: when it burns cold, carbon monoxide and oxygen rise.
struct IncineratorModel: DeviceModel {
  static let metrics = ["t_primary", "t_secondary", "t_flue", "o2", "dust", "hcl", "nox", "so2", "co"]

  private var heat = AutoregressiveNoise(memory: 0.95)
  private var feed = AutoregressiveNoise(memory: 0.9)

  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double]) {
    let cold = now.disturbance[.coldBurn]
    let warmth = now.noise * heat.next(&random)
    let load = now.noise * feed.next(&random)
    values.append(730 + 14 * warmth - 140 * cold)
    values.append(1012 + 9 * warmth - 130 * cold + 1.5 * now.noise * random.normal())
    values.append(158 + 2.5 * warmth - 8 * cold)
    values.append(10.2 + 0.5 * load + 2.6 * cold)
    values.append(max(1, 38 + 4 * load + 25 * cold))
    values.append(max(1, 19 + 2.5 * load))
    values.append(max(1, 215 + 18 * warmth - 50 * cold))
    values.append(max(1, 75 + 9 * load))
    values.append(max(2, 65 + 9 * load + 290 * cold))
  }
}
