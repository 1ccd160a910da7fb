/// A set of numbers as ranges that neither touch nor overlap, in order: small where few are missing, however many there are.
package struct SequenceSet: Sendable, Equatable {
  package private(set) var ranges: [ClosedRange<Int64>] = []

  package init() {}

  package var highest: Int64? { ranges.last?.upperBound }

  /// Those between the lowest and the highest that are not there, in order.
  package var holes: [ClosedRange<Int64>] {
    zip(ranges, ranges.dropFirst()).map { $0.upperBound + 1...$1.lowerBound - 1 }
  }

  /// How many numbers the holes have.
  package var missing: Int64 { holes.reduce(0) { $0 + ($1.upperBound - $1.lowerBound + 1) } }

  package func contains(_ number: Int64) -> Bool {
    let place = placeOfFirst(endingAtOrAfter: number)
    return place < ranges.count && ranges[place].contains(number)
  }

  /// Adds a number from 1. False where it was there.
  @discardableResult
  package mutating func insert(_ number: Int64) -> Bool {
    precondition(number >= 1, "sequences begin with 1")
    // The first range that ends at the number's left neighbour or later: the only one, with the next, that can touch it.
    let place = placeOfFirst(endingAtOrAfter: number - 1)
    guard place < ranges.count, ranges[place].lowerBound <= number + 1 else {
      ranges.insert(number...number, at: place)
      return true
    }
    if ranges[place].contains(number) { return false }
    let grown = min(number, ranges[place].lowerBound)...max(number, ranges[place].upperBound)
    guard place + 1 < ranges.count, ranges[place + 1].lowerBound <= grown.upperBound + 1 else {
      ranges[place] = grown
      return true
    }
    ranges.replaceSubrange(place...place + 1, with: [grown.lowerBound...ranges[place + 1].upperBound])
    return true
  }

  private func placeOfFirst(endingAtOrAfter number: Int64) -> Int {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound < number { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
