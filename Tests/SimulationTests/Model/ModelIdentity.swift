import Crypto

/// Ids of alerts and events.
enum ModelIdentity {
  private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567")

  /// The first 26 letters of lower-case base32 of the SHA-256 of the parts, joined by line feeds: five bits a letter.
  static func id(_ parts: String...) -> String {
    let digest = Array(SHA256.hash(data: Array(parts.joined(separator: "\n").utf8)))
    var text = ""
    for letter in 0..<26 {
      var five = 0
      for bit in (letter * 5)..<(letter * 5 + 5) { five = five * 2 + Int(digest[bit / 8] >> (7 - UInt8(bit % 8)) & 1) }
      text.append(alphabet[five])
    }
    return text
  }
}
