import DeviceRegistry
import Yams

/// Where in its file each character of a YAML scalar stands, so that a fault inside an expression names the exact column.
///
/// The scalar's source is walked beside its value: quotes, escapes and folded lines are stepped over. Where the two do not agree
/// (a folded block, a tag), the start of the scalar stands for all of it.
struct ScalarPlaces {
  private var places: [(line: Int, column: Int)] = []
  private let start: (line: Int, column: Int)

  /// - Parameter lines: the file's lines as Unicode scalars.
  init(of value: YAMLValue, lines: [[Unicode.Scalar]]) {
    start = (value.line, value.column)
    guard let scalar = value.node.scalar, value.line > 0 else { return }
    var walk = Walk(lines: lines, line: value.line - 1, column: value.column - 1)
    switch scalar.style {
    case .singleQuoted: walk.style = .single
    case .doubleQuoted: walk.style = .double
    case .literal, .folded:
      walk.style = .block
    default: walk.style = .plain
    }
    places = walk.places(of: Array(scalar.string.unicodeScalars)) ?? []
  }

  /// Line and column, from 1, of the scalar's character at `offset`; one past the last is the place after it.
  func place(at offset: Int) -> (line: Int, column: Int) {
    if offset < places.count { return places[offset] }
    guard let last = places.last else { return start }
    return (last.line, last.column + 1)
  }
}

private struct Walk {
  enum Style { case plain, single, double, block }
  let lines: [[Unicode.Scalar]]
  var line: Int
  var column: Int
  var style = Style.plain

  init(lines: [[Unicode.Scalar]], line: Int, column: Int) { (self.lines, self.line, self.column) = (lines, line, column) }

  private var here: Unicode.Scalar? { line < lines.count && column < lines[line].count ? lines[line][column] : nil }

  mutating func places(of value: [Unicode.Scalar]) -> [(line: Int, column: Int)]? {
    switch style {
    case .plain: break
    case .single:
      guard here == "'" else { return nil }
      column += 1
    case .double:
      guard here == "\"" else { return nil }
      column += 1
    case .block:
      (line, column) = (line + 1, 0)
      skipBlanks()
    }
    var found: [(line: Int, column: Int)] = []
    found.reserveCapacity(value.count)
    for (index, scalar) in value.enumerated() {
      if (scalar == " " || scalar == "\n") && here == nil || here == "\r" {
        found.append((line + 1, column + 1))
        // The end of a block has no further line to go on with.
        if index < value.count - 1 { guard nextLine() else { return nil } }
        continue
      }
      found.append((line + 1, column + 1))
      guard step(over: scalar) else { return nil }
    }
    return found
  }

  private mutating func skipBlanks() { while here == " " || here == "\t" { column += 1 } }

  private mutating func nextLine() -> Bool {
    (line, column) = (line + 1, 0)
    skipBlanks()
    return line < lines.count
  }

  /// Past one character of the value.
  private mutating func step(over scalar: Unicode.Scalar) -> Bool {
    guard let c = here else { return false }
    if style == .single, c == "'" {
      column += 2
      return scalar == "'"
    }
    if style == .double, c == "\\" {
      let escape = column + 1 < lines[line].count ? lines[line][column + 1] : " "
      column += escape == "x" ? 4 : escape == "u" ? 6 : escape == "U" ? 10 : 2
      return true
    }
    column += 1
    return c == scalar
  }
}
