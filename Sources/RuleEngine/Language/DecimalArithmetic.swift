/// The arithmetic of rules: that of decimal numbers, as readings, attributes and limits are written.
///
/// In binary, 70.4 − 30.4 is above 40 by the last bit of its operands, and 1.1 × 50 above 55: a limit that is met exactly would be
/// exceeded, or missed. Each result is therefore rounded to a decimal place that is above what its operands' binary forms can be off
/// (half a unit in the last place each), and below what people write: fifteen significant digits of the largest of the three numbers,
/// the digits that every decimal keeps in a binary64 (IEEE 754, 53 bits). Numbers from 10⁹ on stay as they are.
enum DecimalArithmetic {
  @inline(__always) static func sum(_ a: Double, _ b: Double) -> Double { decimal(a + b, of: a, b) }
  @inline(__always) static func difference(_ a: Double, _ b: Double) -> Double { decimal(a - b, of: a, b) }
  @inline(__always) static func product(_ a: Double, _ b: Double) -> Double { decimal(a * b, of: a, b) }
  /// NaN, an unknown number, where `b` is 0.
  @inline(__always) static func quotient(_ a: Double, _ b: Double) -> Double { b == 0 ? .nan : decimal(a / b, of: a, b) }

  @inline(__always) private static func decimal(_ result: Double, of a: Double, _ b: Double) -> Double {
    let size = max(abs(result), abs(a), abs(b))
    let places = size < 1e3 ? 1e12 : size < 1e6 ? 1e9 : 1e6
    // Zero is added for the sign of a result that is rounded to −0.
    return size < 1e9 ? (result * places).rounded() / places + 0 : result
  }
}
