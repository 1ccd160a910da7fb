import RuleEngine
import Testing

@Suite struct ExpressionParserTests {
  @Test(
    "an expression prints back in its one canonical way",
    arguments: [
      ("mean(speed, 5m) < 15 and mean(occupancy, 5m) > 35", "mean(speed, 5m) < 15 and mean(occupancy, 5m) > 35"),
      ("  mean( speed ,300s )<15.50", "mean(speed, 5m) < 15.5"),
      ("last(a) > 1 or last(b) > 2 and last(c) > 3", "last(a) > 1 or last(b) > 2 and last(c) > 3"),
      ("(last(a) > 1 or last(b) > 2) and last(c) > 3", "(last(a) > 1 or last(b) > 2) and last(c) > 3"),
      ("not last(a) > 1 and last(b) > 2", "not last(a) > 1 and last(b) > 2"),
      ("not (last(a) > 1 and last(b) > 2)", "not (last(a) > 1 and last(b) > 2)"),
      ("not not online()", "not not online()"),
      ("(not online()) == last(a)", "(not online()) == last(a)"),
      ("last(a)-(last(b)-1)>-2", "last(a) - (last(b) - 1) > -2"),
      ("last(a) - last(b) - 1 > 0", "last(a) - last(b) - 1 > 0"),
      ("(1 + 2) * 3 < --last(a)", "(1 + 2) * 3 < --last(a)"),
      ("1 + 2 * 3 / (4 * 5) >= 1", "1 + 2 * 3 / (4 * 5) >= 1"),
      ("-(1 + 2) != 0", "-(1 + 2) != 0"),
      ("age(speed) <= 90m", "age(speed) <= 90m"),
      ("time_above(ch4, 1.25, 6h) < 1d", "time_above(ch4, 1.25, 6h) < 1d"),
      ("between(6:00, 22:05)", "between(06:00, 22:05)"),
      ("status(cod) == '02'", "status(cod) == \"02\""),
      ("last(power) < 0.1 * attr.rated_power", "last(power) < 0.1 * attr.rated_power"),
      ("share(last(speed) < 15) > 0.5", "share(last(speed) < 15) > 0.5"),
      ("last(x)\n  > 1", "last(x) > 1"),
      ("last(a) > 0.00001", "last(a) > 0.00001"),
      ("last(a) > 0.000000123", "last(a) > 0.000000123"),
      ("last(a) < 9007199254740993", "last(a) < 9007199254740992.0"),
      ("last(a) < 123456789012345678901234567890", "last(a) < 123456789012345680000000000000"),
      ("status(a) == 'x\"y'", "status(a) == 'x\"y'"),
    ])
  func printsBack(text: String, canonical: String) throws {
    let expression = try ExpressionParser.parse(text)
    #expect(expression.canonical == canonical)
    #expect(try ExpressionParser.parse(canonical).canonical == canonical)
  }

  @Test(
    "a fault of syntax names its place and what to do",
    arguments: [
      ("", 0, "an expression is missing here"),
      ("1 < last(a) < 3", 12, "comparisons do not chain: write \"a < b and b < c\""),
      ("last(a) = 3", 8, "write == to compare"),
      ("last(a) > 1 && last(b) > 1", 12, "write \"and\", not &&"),
      ("last(a) > 1 || last(b) > 1", 12, "write \"or\", not ||"),
      ("!online()", 0, "write \"not\", not !"),
      ("last(a) ≥ 3", 8, "write >=, not ≥"),
      ("last(a) > 5x", 10, "5x is no duration: write 30s, 5m, 1h or 1d"),
      ("between(25:00, 1:00)", 8, "25:00 is no time of day: write 00:00 to 23:59"),
      ("(last(a) > 1", 12, "expected \")\", got the end of the expression"),
      ("mean(speed 5m) > 1", 11, "expected \",\" or \")\" in mean(…), got 5m"),
      ("last(a) > 1 2", 12, "expected an operator or the end, got 2"),
      ("last(a) > and", 10, "expected a value such as mean(speed, 5m), got \"and\""),
      ("attr > 1", 5, "expected an attribute's name, as in attr.rated_power"),
      ("status(a) == \"02", 13, "a text without its closing \""),
      ("last(tốc) > 1", 6, "\"ố\" has no meaning here"),
    ])
  func teaches(text: String, offset: Int, message: String) {
    #expect(throws: LanguageFault(offset: offset, message: message)) { try ExpressionParser.parse(text) }
  }

  @Test("length, nesting and the number of operators are bounded")
  func isBounded() throws {
    let deep = 60
    _ = try ExpressionParser.parse(String(repeating: "(", count: deep) + "1" + String(repeating: ")", count: deep) + " < 2")
    for text in [
      String(repeating: "(", count: 70) + "1" + String(repeating: ")", count: 70), String(repeating: "-", count: 70) + "1",
      String(repeating: "not ", count: 70) + "online()", String(repeating: "min(", count: 70), String(repeating: "1+", count: 300) + "1",
      String(repeating: " ", count: 5000) + "1",
    ] {
      #expect(throws: LanguageFault.self) { try ExpressionParser.parse(text) }
    }
  }
}
