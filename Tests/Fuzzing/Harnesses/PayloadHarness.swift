import Decoding

/// Native payloads: the decoder reads in them what a plain reader reads. What the gateway makes of those that can be read, the names in
/// the corpus tell too (`accepted`, `reading-` and a reason); the decoder does not know.
final class PayloadHarness: Harness {
  static let name = "payload"

  private var decoder = NativeDecoder()

  func check(_ input: UnsafeRawBufferPointer) throws -> String {
    let found = Decoded.by(&decoder, input)
    let expected = Decoded.expected(Array(input))
    try promise(found == expected, "decoded as \(shown(found)), not as \(shown(expected))")
    for value in found?.objects.compactMap({ $0 }).flatMap(\.values) ?? [] {
      if case .number(let bits) = value.content { try promise(Double(bitPattern: bits).isFinite, "\(value.name) is not finite") }
      try promise(value.status < 100, "\(value.name) has the status \(value.status)")
    }
    guard let found, found.isArray || found.objects.first.flatMap({ $0 })?.isMalformed == false else { return "message-malformed" }
    return "decoded"
  }

  private func shown(_ decoded: Decoded?) -> String { decoded.map { "\($0)" } ?? "malformed" }
}

extension Decoded.Object {
  fileprivate var isMalformed: Bool { time == .malformed }
}
