import CAllocationCount

/// What the calling thread allocates.
enum AllocationCount {
  /// - Parameter remembering: where it was allocated can be asked as `places`.
  static func of(remembering: Bool = false, _ body: () throws -> Void) rethrows -> thuong_allocation_count {
    thuong_allocation_count_begin(remembering)
    defer { _ = thuong_allocation_count_end() }
    try body()
    return thuong_allocation_count_end()
  }

  /// Where what was remembered was allocated, a line for each place; then it is forgotten. `addr2line -fe EXECUTABLE OFFSET…` names them.
  static func takePlaces() -> String {
    var text = [CChar](repeating: 0, count: 1 << 16)
    let length = thuong_allocation_places_take(&text, text.count)
    return String(decoding: text[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
