/// The arithmetic of rules: that of decimal numbers, as readings, attributes and limits are written.
///
/// In binary, 70.4 − 30.4 is above 40 by the last bit of its operands, and 1.1 × 50 above 55: a limit that is met exactly would be
/// exceeded, or missed. Each result is therefore rounded to a decimal place that is above what it can be off (half a unit in the last place
/// of each number, of the largest in a sum, of the result in a product), and below what people write: 15 significant digits, which every
/// decimal keeps in a binary64 (IEEE 754, 53 bits), to 12 of them. Numbers from 10⁹ on and below 10⁻⁹ stay as they are.
enum DecimalArithmetic {
  @inline(__always) static func sum(_ a: Double, _ b: Double) -> Double { decimal(a + b, size: max(abs(a), abs(b))) }
  @inline(__always) static func difference(_ a: Double, _ b: Double) -> Double { decimal(a - b, size: max(abs(a), abs(b))) }
  @inline(__always) static func product(_ a: Double, _ b: Double) -> Double { decimal(a * b, size: abs(a * b)) }
  /// NaN, an unknown number, where `b` is 0.
  @inline(__always) static func quotient(_ a: Double, _ b: Double) -> Double { b == 0 ? .nan : decimal(a / b, size: abs(a / b)) }

  /// - Parameter size: the number whose last place decides.
  @inline(__always) private static func decimal(_ result: Double, size: Double) -> Double {
    guard size < 1e9, size >= 1e-9 else { return result }
    // Powers of ten up to 10²² are exact.
    let places = size < 1e-6 ? 1e21 : size < 1e-3 ? 1e18 : size < 1 ? 1e15 : size < 1e3 ? 1e12 : size < 1e6 ? 1e9 : 1e6
    // Zero is added for the sign of a result that is rounded to −0.
    return (result * places).rounded() / places + 0
  }
}
