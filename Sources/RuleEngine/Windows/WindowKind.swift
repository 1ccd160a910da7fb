import Readings
import SeriesStore

/// The states that windows keep, each in a file of its own. Functions that need the same state of the same readings have one window
/// in common: mean(speed, 5m) and count(speed, 5m) read one sum, and with slope(speed, 5m) all three read one trend.
///
/// A window's state holds `end`, the T it was last moved to, and the range of the head's readings it covers. Whatever the state was
/// before, after `move` it is a function of the readings in (T - width, T] alone.
enum WindowKind: UInt8, Hashable, CaseIterable, Sendable {
  /// The newest good reading up to T.
  case latest
  /// Exact sums of the good readings; of three kinds over one window the last alone is kept, which holds what the others do.
  case sum, moments, trend
  case minimum
  case maximum
  /// From each good reading to the next.
  case steps
  /// The values in order.
  case sorted
  /// The sum of the last full clock hour.
  case hour

  var type: any WindowState.Type {
    switch self {
    case .latest: LatestWindow.self
    case .sum, .hour: SlidingWindow<PlainSums>.self
    case .moments: SlidingWindow<MomentSums>.self
    case .trend: SlidingWindow<TrendSums>.self
    case .minimum, .maximum: ExtremeWindow.self
    case .steps: StepWindow.self
    case .sorted: SlidingWindow<SortedValues>.self
    }
  }

  /// Kinds of which each holds all that those before it do.
  static let sums: [WindowKind] = [.sum, .moments, .trend]

  /// Bytes that a window keeps for each good reading in it, at most, besides its state: twice what it holds, as it grows by doubling.
  var bytesPerReading: Int {
    switch self {
    case .minimum, .maximum: 2 * MemoryLayout<Sample>.stride
    case .sorted: 2 * MemoryLayout<Int64>.stride
    case .latest, .sum, .moments, .trend, .steps, .hour: 0
    }
  }

  /// Where states hold the index of their oldest reading: behind `end`. Only a hint depends on it.
  static let oldestOffset = 8

  /// Every state is placed at a multiple of this.
  static let alignment = 16
}

/// The state of one window.
protocol WindowState {
  init(kind: WindowKind)
  /// A reading was stored, maybe behind others. One after the window's T is met by the next move.
  mutating func noteInserted(_ ts: Int64, _ value: Double, isGood: Bool, _ spec: WindowSpec)
  func free()
}

extension WindowState {
  func free() {}

  /// Bytes of a state, so that the next is aligned.
  static var stride: Int { (MemoryLayout<Self>.size + WindowKind.alignment - 1) / WindowKind.alignment * WindowKind.alignment }

  static func initialize(at place: UnsafeMutableRawPointer, kind: WindowKind) {
    place.bindMemory(to: Self.self, capacity: 1).initialize(to: Self(kind: kind))
  }
  static func deinitialize(at place: UnsafeMutableRawPointer) { place.assumingMemoryBound(to: Self.self).pointee.free() }
}

/// One window of a plan.
struct WindowSpec: Sendable {
  var kind: WindowKind
  /// Readings come when something changes: few of them say as much as many.
  var isOnChange: Bool
  /// Index of the profile's metric.
  var metric: UInt16
  /// Bytes from the device's first state.
  var state: UInt32
  /// Milliseconds; the window is (T - width, T]. 0 where the whole past counts.
  var width: Int64
  var scale: DecimalScale

  static let hour: Milliseconds = 3_600_000

  /// How far back from T the window's readings lie, at most.
  var reach: Int64 { kind == .hour ? 2 * Self.hour : width }

  /// Do so many good readings, each counting for one interval, cover half of the window?
  @inline(__always) func isCovered(by good: Int, interval: Int64) -> Bool { isOnChange || Int64(good) &* interval &* 2 >= width }
}

extension HeadView {
  /// The first `count` readings are those of which the last had that ts: nothing was stored among them since. Times rise, so that a
  /// reading stored before the last moves it on.
  @inline(__always) func isPrefix(_ count: Int, endingAt ts: Int64) -> Bool { count == 0 || time(count - 1) == ts }

  /// The ts of the last of the first `count` readings.
  @inline(__always) func newestTime(of count: Int) -> Int64 { count == 0 ? .min : time(count - 1) }

  /// The range of the readings in (end - width, end].
  func range(end: Int64, width: Int64) -> Range<Int> {
    let high = upperBound(end)
    var low = 0
    var top = high
    while low < top {
      let middle = (low + top) >> 1
      if time(middle) <= end &- width { low = middle + 1 } else { top = middle }
    }
    return low..<high
  }
}

extension DecimalScale {
  /// `integer(_:)` without a call into the mathematical library for all but the largest values.
  @inline(__always) func exact(_ value: Double) -> Int64 {
    let scaled = value * factor
    guard scaled.magnitude < 0x1p51 else { return integer(value) }
    // Adding 1.5 * 2^52 leaves units as the last bit of the mantissa, rounded to nearest, ties to even; its bits are then the integer's.
    return Int64(bitPattern: (scaled + 0x1.8p52).bitPattern) &- Int64(bitPattern: (0x1.8p52 as Double).bitPattern)
  }
}
