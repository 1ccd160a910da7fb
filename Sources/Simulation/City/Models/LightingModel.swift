import DeviceRegistry

/// A cabinet: lamps burn while the sun is down, dimmed in the small hours.
struct LightingModel: DeviceModel {
  static let metrics = ["power", "voltage", "current", "power_factor", "energy", "dimming", "leakage", "door", "lamp_state"]
  /// What the cabinet's own electronics draw, W.
  private static let standby = 25.0

  private let ratedPower: Double
  private var energy: Double
  private var voltageNoise = AutoregressiveNoise(memory: 0.9)
  private var powerNoise = AutoregressiveNoise(memory: 0.7)

  init(_ device: Device, _ random: inout SeededGenerator) {
    ratedPower = device.attribute("rated_power", 5000)
    energy = 20_000 + (random.uniform() * 40_000).rounded()
  }

  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double]) {
    let hour = now.moment.hour
    let dark = Sun.elevation(at: now.moment.t, lat: now.lat, lon: now.lon) < -1.5
    let dimming = !dark ? 0.0 : hour >= 23 || hour < 4.5 ? 60 : 100
    let sag = now.disturbance[.undervoltage]
    let voltage = 223.5 - 2.5 * now.moment.rush + 0.7 * now.noise * voltageNoise.next(&random) - 24 * sag
    let burning = now.disturbance[.stuckContactor] > 0 ? 100.0 : now.disturbance[.streetDark] > 0 ? 2 : dimming
    let supply = voltage / 220
    let wobble = 0.008 * now.noise * powerNoise.next(&random)
    let power = Self.standby + ratedPower * burning / 100 * supply * (0.97 + wobble)
    let factor = 0.93 + 0.006 * now.noise * random.normal()
    energy += power * now.moment.elapsed / 3_600_000
    values.append(power)
    values.append(voltage)
    values.append(power / (voltage * factor))
    values.append(factor)
    values.append(energy)
    values.append(dimming)
    values.append(max(0.2, 3.5 + 0.5 * now.noise * random.normal()) + 55 * now.disturbance[.leakage])
    values.append(now.disturbance[.doorOpen] > 0 ? 1 : 0)
    values.append(burning > 5 ? 1 : 0)
  }
}
