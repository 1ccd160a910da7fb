import Readings

/// What an expression yields. Durations are milliseconds inside; they mix with numbers only where the dimensions come out right
/// (2 * 5m, 10m / 2, age(speed) / 1m), and compare with durations alone.
package enum ValueType: String, Sendable {
  case number
  case duration
  /// True, false or unknown.
  case truth = "condition"
  /// A status such as "02": compares with == and != alone.
  case text

  var shown: String {
    switch self {
    case .number: "a number"
    case .duration: "a duration"
    case .truth: "a condition"
    case .text: "a status text"
    }
  }
}

/// What a function wants at one place.
enum ArgumentKind: Sendable, Equatable {
  case metric
  /// A literal duration above 0, at most this long.
  case window(atMost: Milliseconds)
  /// A literal duration above 0 from T on, at most this long.
  case horizon(atMost: Milliseconds)
  case number
  case timeOfDay
  /// The name of a row of limits.csv.
  case limitName
  case condition

  var shown: String {
    switch self {
    case .metric: "a metric such as speed"
    case .window, .horizon: "a duration such as 5m"
    case .number: "a number such as 15"
    case .timeOfDay: "a time of day such as 06:00"
    case .limitName: "the name of a limit such as pm25_24h"
    case .condition: "a condition such as last(speed) < 15"
    }
  }
  var placeholder: String {
    switch self {
    case .metric: "metric"
    case .window: "duration"
    case .horizon: "horizon"
    case .number: "number"
    case .timeOfDay: "time"
    case .limitName: "limit"
    case .condition: "condition"
    }
  }
}

/// A function of the language.
struct FunctionSignature: Sendable {
  enum Scope: Sendable {
    /// Of one device.
    case device
    /// Of a group's members.
    case group
  }
  var name: String
  var parameters: [ArgumentKind]
  var result: ValueType
  var scope = Scope.device
  /// Depends on the clock, so that its rules are evaluated at ticks too.
  var readsClock = false
  /// The function that evaluates it; nil: not yet supported.
  var evaluated: EvaluatedFunction?

  var usage: String { "\(name)(\(parameters.map(\.placeholder).joined(separator: ", ")))" }

  /// Says something of a single device: a group has only its members'.
  var isOfDevice: Bool { scope == .device && (parameters.first == .metric || evaluated == .online || evaluated == .deviceAge) }
}

/// The functions that programs evaluate.
enum EvaluatedFunction: Sendable {
  case last, mean, minimum, maximum, sum, count, standardDeviation, median, percentile95, delta, increase, flat, hourMean
  case slope, forecast, timeAbove, timeBelow, fit
  case age, deviceAge, online, status, between, weekday, holiday, dark, intake
  case limit
  case memberCount, memberShare, memberMean

  /// The window that it reads; nil where it reads none.
  var window: WindowKind? {
    switch self {
    case .last: .latest
    case .mean, .sum, .count: .sum
    case .standardDeviation: .moments
    case .minimum: .minimum
    case .maximum: .maximum
    case .median, .percentile95: .sorted
    case .delta, .increase, .flat: .steps
    case .hourMean: .hour
    case .slope, .forecast, .timeAbove, .timeBelow, .fit: .trend
    case .age, .deviceAge, .online, .status, .between, .weekday, .holiday, .dark, .intake, .limit, .memberCount, .memberShare, .memberMean:
      nil
    }
  }
}

/// Every function of the language. Those without `evaluated` are checked and then reported as not yet supported.
enum FunctionCatalog {
  static let longestWindow: Milliseconds = 400 * 86_400_000
  private static let window = ArgumentKind.window(atMost: longestWindow)
  private static let quantileWindow = ArgumentKind.window(atMost: 3_600_000)
  private static let horizon = ArgumentKind.horizon(atMost: longestWindow)

  static let all: [FunctionSignature] = [
    .init(name: "last", parameters: [.metric], result: .number, evaluated: .last),
    .init(name: "mean", parameters: [.metric, window], result: .number, evaluated: .mean),
    .init(name: "min", parameters: [.metric, window], result: .number, evaluated: .minimum),
    .init(name: "max", parameters: [.metric, window], result: .number, evaluated: .maximum),
    .init(name: "sum", parameters: [.metric, window], result: .number, evaluated: .sum),
    .init(name: "count", parameters: [.metric, window], result: .number, evaluated: .count),
    .init(name: "stddev", parameters: [.metric, window], result: .number, evaluated: .standardDeviation),
    .init(name: "p50", parameters: [.metric, quantileWindow], result: .number, evaluated: .median),
    .init(name: "p95", parameters: [.metric, quantileWindow], result: .number, evaluated: .percentile95),
    .init(name: "delta", parameters: [.metric, window], result: .number, evaluated: .delta),
    .init(name: "increase", parameters: [.metric, window], result: .number, evaluated: .increase),
    .init(name: "flat", parameters: [.metric, window], result: .truth, evaluated: .flat),
    .init(name: "hour_mean", parameters: [.metric], result: .number, evaluated: .hourMean),
    .init(name: "slope", parameters: [.metric, window], result: .number, evaluated: .slope),
    .init(name: "forecast", parameters: [.metric, window, horizon], result: .number, evaluated: .forecast),
    .init(name: "time_above", parameters: [.metric, .number, window], result: .duration, evaluated: .timeAbove),
    .init(name: "time_below", parameters: [.metric, .number, window], result: .duration, evaluated: .timeBelow),
    .init(name: "fit", parameters: [.metric, window], result: .number, evaluated: .fit),
    .init(name: "baseline", parameters: [.metric], result: .number),
    .init(name: "deviation", parameters: [.metric], result: .number),
    .init(name: "age", parameters: [.metric], result: .duration, readsClock: true, evaluated: .age),
    // Of the device's newest reading, whichever metric it is of.
    .init(name: "age", parameters: [], result: .duration, readsClock: true, evaluated: .deviceAge),
    .init(name: "online", parameters: [], result: .truth, readsClock: true, evaluated: .online),
    .init(name: "status", parameters: [.metric], result: .text, readsClock: true, evaluated: .status),
    .init(name: "between", parameters: [.timeOfDay, .timeOfDay], result: .truth, readsClock: true, evaluated: .between),
    // Monday to Friday, be they holidays or not: "weekday() and not holiday()" is a working day.
    .init(name: "weekday", parameters: [], result: .truth, readsClock: true, evaluated: .weekday),
    .init(name: "holiday", parameters: [], result: .truth, readsClock: true, evaluated: .holiday),
    .init(name: "dark", parameters: [], result: .truth, readsClock: true, evaluated: .dark),
    // Whether the gateway is connected to the broker and caught up.
    .init(name: "intake", parameters: [], result: .truth, readsClock: true, evaluated: .intake),
    .init(name: "limit", parameters: [.limitName], result: .number, evaluated: .limit),
    .init(name: "count", parameters: [.condition], result: .number, scope: .group, evaluated: .memberCount),
    .init(name: "share", parameters: [.condition], result: .number, scope: .group, evaluated: .memberShare),
    .init(name: "mean", parameters: [.number], result: .number, scope: .group, evaluated: .memberMean),
  ]

  private static let byName = Dictionary(grouping: all, by: \.name)
  static let names = byName.keys.sorted()

  /// The function of that name that fits the number of arguments best; nil where no function is called so.
  static func signature(of call: Expression.Call) -> FunctionSignature? {
    guard let named = byName[call.function] else { return nil }
    return named.first { $0.parameters.count == call.arguments.count } ?? named.first
  }

  static func kinds(of call: Expression.Call) -> [ArgumentKind] { signature(of: call)?.parameters ?? [] }
}
