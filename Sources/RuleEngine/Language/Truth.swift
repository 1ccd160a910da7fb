/// Kleene's three truth values. `unknown` starts, continues and ends nothing.
@usableFromInline package enum Truth: UInt8, Sendable, CaseIterable {
  case `false` = 0
  case unknown = 1
  case `true` = 2

  package static func and(_ a: Truth, _ b: Truth) -> Truth { a.rawValue < b.rawValue ? a : b }
  package static func or(_ a: Truth, _ b: Truth) -> Truth { a.rawValue > b.rawValue ? a : b }
  package static prefix func ! (a: Truth) -> Truth { a == .unknown ? .unknown : a == .true ? .false : .true }

  /// As programs compute with it: false 0, unknown ½, true 1, so that `and` is the lesser, `or` the greater, `not` 1 − x.
  init(level: Double) { self = level >= 1 ? .true : level > 0 ? .unknown : .false }
  var level: Double { Double(rawValue) / 2 }
}
