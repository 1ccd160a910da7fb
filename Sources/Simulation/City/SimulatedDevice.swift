import DeviceRegistry
import Readings

/// One device of the city: its model, its own random numbers, and when it speaks next.
struct SimulatedDevice {
  private struct Output {
    /// `"speed":`
    let key: [UInt8]
    /// Where the model puts it; nil where no model knows this metric.
    let slot: Int
    let decimals: Int
    let range: ClosedRange<Double>?
    /// Words that the device sends in place of numbers.
    let words: [(word: String, number: Double)]
  }

  let topic: String
  private let interval: Milliseconds
  private let lat: Double
  private let lon: Double
  private let outputs: [Output]
  private let incidents: [Incident]
  private var behaviour: DeviceBehaviour
  private var random: SeededGenerator
  private var values: [Double] = []
  private var lastTS: Timestamp
  private var lastArrival: Timestamp

  /// The `ts` of its next sample.
  private(set) var nextTS: Timestamp

  init(index: Int, registry: Registry, scenario: Scenario, seed: UInt64) {
    let device = registry.devices[index]
    let profile = registry.profile(of: index)
    topic = "thuong/v1/\(device.site)/\(profile.domain)/\(device.id)/telemetry"
    interval = registry.interval(of: index)
    // Where nobody said where it stands, Bắc Giang's middle.
    (lat, lon) = (device.location?.lat ?? 21.2733, device.location?.lon ?? 106.1946)
    incidents = scenario.incidents.filter { $0.devices.contains(device.id) }
    random = SeededGenerator(seed: seed, name: device.id)
    behaviour = DeviceBehaviour(device: device, profile: profile, random: &random)
    let known = behaviour.metrics
    outputs = profile.metrics.compactMap { metric in
      guard let slot = known.firstIndex(of: metric.name) else { return nil }
      return Output(
        key: Array("\"\(metric.name)\":".utf8), slot: slot, decimals: metric.scale.decimals, range: metric.range,
        words: metric.words.map { ($0.key, $0.value) }.sorted { $0.word < $1.word })
    }
    // Devices speak spread over the minute, each always at its own second.
    let phase = random.below(min(interval, 60_000) / 1000) * 1000
    nextTS = scenario.start + phase
    lastTS = nextTS - interval
    lastArrival = Timestamp(milliseconds: .min)
  }

  /// Takes its next sample and writes the payload. Nil where the device is silent.
  mutating func speak(_ scenario: Scenario, _ weather: Weather, _ payload: inout NativePayloadWriter) -> Timestamp? {
    let ts = nextTS
    let disturbance = disturbance(at: ts - scenario.start)
    let delay = scenario.latency.lowerBound + random.below(scenario.latency.upperBound - scenario.latency.lowerBound + 1)
    let frozen = disturbance[.frozen] > 0 && !values.isEmpty
    if !frozen {
      let moment = Moment(ts, elapsed: Double(ts - lastTS) / 1000, weather: weather)
      behaviour.sample(
        Circumstance(moment: moment, lat: lat, lon: lon, disturbance: disturbance, noise: scenario.noise), &random, into: &values)
    }
    (lastTS, nextTS) = (ts, ts + interval)
    if disturbance[.silence] > 0 { return nil }
    write(ts, faulty: disturbance[.fault] > 0, &payload)
    lastArrival = max(lastArrival, ts + delay)
    return lastArrival
  }

  private func disturbance(at offset: Milliseconds) -> Disturbance {
    var disturbance = Disturbance()
    for incident in incidents { disturbance[incident.kind] = max(disturbance[incident.kind], incident.intensity(at: offset)) }
    return disturbance
  }

  private func write(_ ts: Timestamp, faulty: Bool, _ payload: inout NativePayloadWriter) {
    payload.begin(ts: ts)
    for output in outputs {
      if faulty {
        payload.null(output.key)
        continue
      }
      let value = values[output.slot]
      let held = value.isNaN ? value : min(output.range?.upperBound ?? 1e12, max(output.range?.lowerBound ?? -1e12, value))
      if let word = output.words.first(where: { $0.number == held })?.word {
        payload.word(output.key, word)
      } else {
        payload.value(output.key, held, decimals: output.decimals)
      }
    }
    payload.end(status: faulty ? "02" : "00")
  }
}
