/// The token of the API, compared in a time that does not tell how much of a guess is right.
struct BearerToken: Sendable {
  private let token: [UInt8]

  init(_ token: String) { self.token = Array(token.utf8) }

  /// Why an `Authorization` header does not open the API; nil where it does.
  func refusal(of header: String?) -> Problem? {
    guard let header, let given = Self.token(in: header) else { return .tokenMissing }
    return isEqual(given) ? nil : .tokenWrong
  }

  /// `Bearer`, in any case, and the token.
  private static func token(in header: String) -> Substring.UTF8View? {
    let scheme = "bearer "
    guard header.utf8.count > scheme.utf8.count, header.prefix(scheme.count).lowercased() == scheme else { return nil }
    return header.dropFirst(scheme.count).utf8
  }

  /// Always as many steps as the guess is long, whatever it holds.
  private func isEqual(_ given: Substring.UTF8View) -> Bool {
    guard !token.isEmpty else { return false }
    var difference = UInt64(truncatingIfNeeded: given.count ^ token.count)
    var place = 0
    for byte in given {
      difference |= UInt64(byte ^ token[place])
      place = place + 1 == token.count ? 0 : place + 1
    }
    return difference == 0
  }
}
