/// The status of a reading, in one byte: two digits after Circular 10/2021/TT-BTNMT (`00` measuring, `01` calibrating,
/// `02` fault, others as sent) or `range`; and whether its time was moved to the arrival time.
@usableFromInline package struct Quality: Hashable, Sendable {
  /// 0...99 the two digits, 100 `range`; bit 7 set where `ts` was moved.
  @usableFromInline package var byte: UInt8

  @inlinable package init(byte: UInt8) { self.byte = byte }

  package static let measuring = Quality(byte: 0)
  package static let calibrating = Quality(byte: 1)
  package static let fault = Quality(byte: 2)
  /// A finite value outside its profile's range.
  package static let range = Quality(byte: 100)

  /// The status alone, without the moved flag.
  @inlinable package var code: UInt8 { byte & 0x7f }
  /// Good readings are the ones that value functions and statistics see.
  @inlinable package var isGood: Bool { code == 0 }
  /// `ts` was over five minutes ahead of the clock and was moved back.
  @inlinable package var isMoved: Bool { byte & 0x80 != 0 }
  @inlinable package var moved: Quality { Quality(byte: byte | 0x80) }
  @inlinable package var isValid: Bool { code <= 100 }

  /// As users see it: `00` … `99`, `range`.
  package var text: String {
    code == 100 ? "range" : (code < 10 ? "0\(code)" : "\(code)")
  }

  package init?(text: String) {
    if text == "range" {
      self = .range
      return
    }
    let digits = Array(text.utf8)
    guard digits.count == 2, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    self.init(byte: (digits[0] - 0x30) * 10 + digits[1] - 0x30)
  }
}
