import Readings

/// The good values of a window in order, as integers of the metric's decimal scale: what p50 and p95 ask for.
///
/// A reading is found by halving and moves those above it by one place: O(log n) comparisons and one move of at most n · 8 bytes, where n
/// is what an hour holds (60 readings a minute: 480 bytes).
struct SortedValues: WindowSums {
  private var values: UnsafeMutablePointer<Int64>?
  private var capacity = 0
  private var count = 0

  func free() { values?.deallocate() }

  mutating func begin(at t: Int64) { count = 0 }

  mutating func add(_ t: Int64, _ value: Double, _ scale: DecimalScale) {
    let v = scale.exact(value)
    if count == capacity { grow() }
    guard let values else { return }
    let place = firstPlace(of: v)
    // Safe: place <= count < capacity; those from `place` on move up by one.
    (values + place + 1).update(from: values + place, count: count - place)
    values[place] = v
    count += 1
  }

  mutating func take(_ t: Int64, _ value: Double, _ scale: DecimalScale) {
    guard let values else { return }
    let place = firstPlace(of: scale.exact(value))
    // Safe: what is taken was added, so that place < count.
    (values + place).update(from: values + place + 1, count: count - place - 1)
    count -= 1
  }

  private func firstPlace(of v: Int64) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) >> 1
      if values![middle] < v { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Twice the room (16 at first): steady windows stop growing.
  private mutating func grow() {
    let larger = max(16, capacity * 2)
    let new = UnsafeMutablePointer<Int64>.allocate(capacity: larger)
    new.initialize(repeating: 0, count: larger)
    if let values { new.update(from: values, count: count) }
    values?.deallocate()
    (values, capacity) = (new, larger)
  }

  /// The value below which that share lies: at place (n − 1) · percent / 100 of the values in order, between two of them in proportion.
  /// NaN of nothing.
  func quantile(percent: Int, _ scale: DecimalScale) -> Double {
    guard count > 0, let values else { return .nan }
    let (place, rest) = ((count - 1) * percent).quotientAndRemainder(dividingBy: 100)
    let (below, above) = (Int128(values[place]), Int128(values[min(place + 1, count - 1)]))
    return ExactInteger.double(below * Int128(100 - rest) + above * Int128(rest)) / (100 * scale.factor)
  }
}
