import Readings
import SeriesStore

/// The states that windows keep, each in a file of its own. Functions that need the same state of the same readings have one window
/// in common: mean(speed, 5m) and count(speed, 5m) read one sum.
///
/// A window's state holds `end`, the T it was last moved to, and the range of the head's readings it covers. Whatever the state was
/// before, after `move` it is a function of the readings in (T - width, T] alone.
enum WindowKind: UInt8, Hashable, CaseIterable, Sendable {
  /// The newest good reading up to T.
  case latest
  /// Exact sum and number of the good readings.
  case sum
  case minimum
  case maximum

  var stride: Int {
    switch self {
    case .latest: MemoryLayout<LatestWindow>.stride
    case .sum: MemoryLayout<SumWindow>.stride
    case .minimum, .maximum: MemoryLayout<ExtremeWindow>.stride
    }
  }

  /// Every state is placed at a multiple of this.
  static let alignment = 16

  func initialize(at place: UnsafeMutableRawPointer) {
    switch self {
    case .latest: place.bindMemory(to: LatestWindow.self, capacity: 1).initialize(to: LatestWindow())
    case .sum: place.bindMemory(to: SumWindow.self, capacity: 1).initialize(to: SumWindow())
    case .minimum: place.bindMemory(to: ExtremeWindow.self, capacity: 1).initialize(to: ExtremeWindow(isMaximum: false))
    case .maximum: place.bindMemory(to: ExtremeWindow.self, capacity: 1).initialize(to: ExtremeWindow(isMaximum: true))
    }
  }

  func deinitialize(at place: UnsafeMutableRawPointer) {
    switch self {
    case .latest, .sum: break
    case .minimum, .maximum: place.assumingMemoryBound(to: ExtremeWindow.self).pointee.free()
    }
  }

  /// A reading at or before the time that the device's windows were moved to has been stored.
  @inline(__always)
  func noteInserted(_ ts: Int64, _ value: Double, _ isGood: Bool, spec: WindowSpec, at place: UnsafeMutableRawPointer) {
    switch self {
    case .latest: place.assumingMemoryBound(to: LatestWindow.self).pointee.noteInserted(ts)
    case .sum: place.assumingMemoryBound(to: SumWindow.self).pointee.noteInserted(ts, value, isGood, width: spec.width, scale: spec.scale)
    case .minimum, .maximum: place.assumingMemoryBound(to: ExtremeWindow.self).pointee.noteInserted(ts)
    }
  }
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

  /// Do so many good readings, each counting for one interval, cover half of the window?
  @inline(__always) func isCovered(by good: Int, interval: Int64) -> Bool { isOnChange || Int64(good) &* interval &* 2 >= width }
}

extension HeadView {
  /// Value functions see good readings that have a value.
  @inline(__always) func isGood(_ index: Int) -> Bool { Quality(byte: qualities[index]).isGood && values[index] == values[index] }

  /// The range of the readings in (end - width, end].
  func range(end: Int64, width: Int64) -> Range<Int> {
    let high = upperBound(end)
    var low = 0
    var top = high
    while low < top {
      let middle = (low + top) >> 1
      if times[middle] <= end &- width { low = middle + 1 } else { top = middle }
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
