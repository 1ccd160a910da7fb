import DeviceRegistry
import Readings

/// How strongly each kind of incident bears on a device at an instant.
struct Disturbance {
  private var strengths: [Double]

  init() { strengths = Array(repeating: 0, count: IncidentKind.allCases.count) }
  subscript(kind: IncidentKind) -> Double {
    get { strengths[kind.index] }
    set { strengths[kind.index] = newValue }
  }
}

/// What a device knows when it measures.
struct Circumstance {
  let moment: Moment
  /// Degrees, WGS 84.
  let lat: Double
  let lon: Double
  let disturbance: Disturbance
  /// The scenario's scale of noise.
  let noise: Double
}

/// The small model of one device. Each model fills `values` in the order of its own `metrics`; NaN is "not measured".
enum DeviceBehaviour {
  case traffic(TrafficModel)
  case air(AirModel)
  case noise(NoiseModel)
  case lighting(LightingModel)
  case landfillGas(LandfillGasModel)
  case leachate(LeachateModel)
  case incinerator(IncineratorModel)
  case power(PowerModel)
  case water(WaterModel)
  case plain(PlainModel)

  /// The model that fits what this device measures.
  init(device: Device, profile: Profile, random: inout SeededGenerator) {
    func measures(_ metric: String) -> Bool { profile.metricIndex(metric) != nil }
    switch profile.domain {
    case "traffic" where measures("speed"): self = .traffic(TrafficModel(device, &random))
    case "environment" where measures("pm25"): self = .air(AirModel(device, &random))
    case "environment" where measures("noise"): self = .noise(NoiseModel(&random))
    case "lighting" where measures("power"): self = .lighting(LightingModel(device, &random))
    case "waste" where measures("ch4"): self = .landfillGas(LandfillGasModel(&random))
    case "waste" where measures("leachate_level") || measures("cod"): self = .leachate(LeachateModel(device))
    case "waste" where measures("t_secondary"): self = .incinerator(IncineratorModel())
    case "power" where measures("power"): self = .power(PowerModel(device, &random))
    case "water" where measures("flow"): self = .water(WaterModel(device, &random))
    default: self = .plain(PlainModel(profile))
    }
  }

  /// Names of what `sample` fills in, in its order.
  var metrics: [String] {
    switch self {
    case .traffic: TrafficModel.metrics
    case .air: AirModel.metrics
    case .noise: NoiseModel.metrics
    case .lighting: LightingModel.metrics
    case .landfillGas: LandfillGasModel.metrics
    case .leachate: LeachateModel.metrics
    case .incinerator: IncineratorModel.metrics
    case .power: PowerModel.metrics
    case .water: WaterModel.metrics
    case .plain(let model): model.metrics
    }
  }

  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double]) {
    switch self {
    case .traffic(var model): self = advanced(&model, now, &random, &values) { .traffic($0) }
    case .air(var model): self = advanced(&model, now, &random, &values) { .air($0) }
    case .noise(var model): self = advanced(&model, now, &random, &values) { .noise($0) }
    case .lighting(var model): self = advanced(&model, now, &random, &values) { .lighting($0) }
    case .landfillGas(var model): self = advanced(&model, now, &random, &values) { .landfillGas($0) }
    case .leachate(var model): self = advanced(&model, now, &random, &values) { .leachate($0) }
    case .incinerator(var model): self = advanced(&model, now, &random, &values) { .incinerator($0) }
    case .power(var model): self = advanced(&model, now, &random, &values) { .power($0) }
    case .water(var model): self = advanced(&model, now, &random, &values) { .water($0) }
    case .plain(var model): self = advanced(&model, now, &random, &values) { .plain($0) }
    }
  }

  private func advanced<Model: DeviceModel>(
    _ model: inout Model, _ now: Circumstance, _ random: inout SeededGenerator, _ values: inout [Double], _ wrap: (Model) -> DeviceBehaviour
  ) -> DeviceBehaviour {
    values.removeAll(keepingCapacity: true)
    model.sample(now, &random, into: &values)
    return wrap(model)
  }
}

protocol DeviceModel {
  /// Appends one value for each of the model's metrics.
  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double])
}

extension Device {
  /// A numeric attribute, or what stands for it where the device has none.
  func attribute(_ name: String, _ absent: Double) -> Double {
    if case .number(let number) = attributes[name] { number } else { absent }
  }
}

/// For metrics that no model knows: noise around the middle of the range.
struct PlainModel: DeviceModel {
  let metrics: [String]
  private var levels: [(middle: Double, spread: Double, rises: Bool, noise: AutoregressiveNoise)]

  init(_ profile: Profile) {
    metrics = profile.metrics.map(\.name)
    levels = profile.metrics.map { metric in
      let range = metric.range ?? 0...100
      let width = range.upperBound - range.lowerBound
      let rises = metric.kind == .counter
      return (range.lowerBound + width * (rises ? 0.01 : 0.3), width * 0.01, rises, AutoregressiveNoise(memory: 0.9))
    }
  }

  mutating func sample(_ now: Circumstance, _ random: inout SeededGenerator, into values: inout [Double]) {
    for index in levels.indices {
      let wobble = levels[index].noise.next(&random) * now.noise
      if levels[index].rises { levels[index].middle += max(0, 1 + 0.2 * wobble) * now.moment.elapsed / 60 }
      values.append(levels[index].middle + (levels[index].rises ? 0 : levels[index].spread * wobble))
    }
  }
}
