import Decoding
import Fuzzing
import Readings
import Testing

/// Single payloads, each with the outcome that the contract gives it.
@Suite struct PayloadTableTests {
  private func decode(_ text: String) -> Decoded? { decode(Array(text.utf8)) }
  private func decode(_ bytes: [UInt8]) -> Decoded? {
    var decoder = NativeDecoder()
    return Decoded.by(&decoder, bytes)
  }

  private func number(_ text: String) -> Decoded.Content? { decode(#"{"values":{"m":\#(text)}}"#)?.objects[0]?.values[0].content }

  static let broken = [
    "", " ", "{", "}", "[", "]", "null", "true", "1", "\"x\"", "{}{}", "[]]", "{]", "[}", "nul", "\u{feff}{\"values\":{}}",
    "{\"values\":{}", "{\"values\":{}}}",
    "{\"values\":{}},", "{\"values\":{}} x", "{\"values\":{},}", "{,\"values\":{}}", "{\"values\" {}}", "{\"values\":}", "{values:{}}",
    "{'values':{}}",
    "{\"values\":{} \"x\":1}", "{\"values\":{\"a\":1,}}", "{\"values\":{\"a\":1 \"b\":2}}", "{\"values\":{\"a\"}}",
    "{\"values\":{\"a\":1}}\0", "/**/{\"values\":{}}",
    "{\"values\":{}}//", "{\"values\":{\"a\":tru}}", "{\"values\":{\"a\":truee}}", "{\"values\":{\"a\":nulll}}", "{\"values\":{\"a\":NaN}}",
    "{\"values\":{\"a\":nan}}", "{\"values\":{\"a\":Infinity}}", "{\"values\":{\"a\":-Infinity}}", "{\"values\":{\"a\":undefined}}",
    "{\"values\":{\"a\":\"\n\"}}",
    "{\"values\":{\"a\":\"\\x\"}}", "{\"values\":{\"a\":\"\\u12\"}}", "{\"values\":{\"a\":\"\\u12g4\"}}",
    "{\"values\":{\"a\":\"\\ud800\"}}",
    "{\"values\":{\"a\":\"\\udc00\\ud800\"}}", "{\"values\":{\"\\ud800\":1}}", "{\"values\":{\"a\\x\":1}}", "{\"values\":{},\"x\":[1,]}",
    "{\"values\":{},\"x\":01}", "{\"values\":{},\"x\":\"\\q\"}", "{\"values\":{},\"x\":{\"y\":}}", "{\"values\":{},\"x\":[1 2]}",
    "[{\"values\":{}},]",
    "[{\"values\":{}}", "[,]", "[{\"values\":{}} {\"values\":{}}]", "{\"values\":{}\u{c}}", "{\"values\":{},1:2}", "{\"values\":{},null:2}",
    "{\"ts\":01,\"values\":{}}",
    "{\"ts\":1.,\"values\":{}}", "{\"status\":\"0\\0\",\"values\":{}}", "{\"device\":\"\\u\",\"values\":{}}", "\u{1a}",
    "{\"values\":{\"a\":--1}}",
  ]

  @Test(arguments: broken) func whatIsNoJSONObjectOrArrayIsMalformed(_ text: String) {
    #expect(decode(text) == nil)
    #expect(Decoded.expected(Array(text.utf8)) == nil, "the plain reader agrees")
  }

  @Test(arguments: [
    "01", "-", "1.", ".5", "+1", "-.5", "1e", "1e+", "00", "-01", "0x10", "1_000", "1,5", "1.5.2", "1e5.5", "٣", "1a", "--1", "1-", "1 2",
  ])
  func whatIsNoNumberMakesTheMessageMalformed(_ text: String) {
    #expect(decode(#"{"values":{"m":\#(text)}}"#) == nil)
    #expect(decode(#"{"values":{},"x":\#(text)}"#) == nil, "under an ignored key too")
    #expect(decode(#"{"values":{},"ts":\#(text)}"#) == nil)
  }

  @Test(arguments: [
    ("0", 0), ("-0", -0.0), ("1", 1), ("-1.5", -1.5), ("1E3", 1000), ("1e-3", 0.001), ("0.1", 0.1), ("1e-400", 0),
    ("123456789012345678901234567890", 1.2345678901234568e29),
    ("9223372036854775808", 9.223372036854775808e18), ("18446744073709551616", 1.8446744073709552e19),
    ("-9223372036854775809", -9.223372036854775808e18),
    ("1.7976931348623157e308", .greatestFiniteMagnitude), ("5e-324", .leastNonzeroMagnitude), ("true", 1), ("false", 0),
    ("0.30000000000000004", 0.1 + 0.2),
    ("0.1000000000000000055511151231257827", 0.1), ("-0.00012345678901234567890123", -0.00012345678901234567890123),
    ("1e0000000000000000000002", 100), ("1E-0000000000000000000002", 0.01),
  ]) func aNumberIsTheNearestDouble(_ text: String, _ value: Double) {
    #expect(number(text) == .number(value.bitPattern))
  }

  @Test(arguments: ["1e999", "-1e999", "1.8e308", "1e308000000000000000000"])
  func aNumberBeyondEveryDoubleIsNotFiniteAndHarmsNoOther(_ text: String) {
    let decoded = decode(#"{"values":{"a":1,"m":\#(text),"b":2}}"#)
    #expect(decoded?.objects[0]?.values.map(\.content) == [.number((1.0).bitPattern), .notFinite, .number((2.0).bitPattern)])
  }

  @Test func aNumberOfTenThousandDigitsIsNotFinite() {
    #expect(number(String(repeating: "9", count: 10_000)) == .notFinite)
    #expect(number("0." + String(repeating: "3", count: 10_000)) == .number((1.0 / 3).bitPattern))
  }

  @Test(arguments: ["[1]", "{\"x\":1}", "[]", "{}"]) func aValueThatHoldsOthersIsRejectedAlone(_ text: String) {
    #expect(decode(#"{"values":{"m":\#(text),"b":2}}"#)?.objects[0]?.values.map(\.content) == [.malformed, .number((2.0).bitPattern)])
  }

  @Test(arguments: [
    "{}", "{\"ts\":1}", "{\"values\":1}", "{\"values\":null}", "{\"values\":[]}", "{\"ts\":-1,\"values\":{}}", "{\"ts\":1.5,\"values\":{}}",
    "{\"ts\":true,\"values\":{}}", "{\"ts\":[],\"values\":{}}", "{\"ts\":253402300800000,\"values\":{}}", "{\"ts\":1e999,\"values\":{}}",
    "{\"status\":\"0\",\"values\":{}}", "{\"status\":\"000\",\"values\":{}}", "{\"status\":\"ok\",\"values\":{}}",
    "{\"status\":0,\"values\":{}}",
    "{\"status\":null,\"values\":{}}", "{\"status\":{\"a\":1},\"values\":{}}", "{\"status\":{\"a\":\"x\"},\"values\":{}}",
    "{\"device\":1,\"values\":{}}",
  ]) func anObjectThatCannotBeReadIsMalformedAndItsNeighboursAreNot(_ text: String) {
    #expect(decode(text) == Decoded(isArray: false, objects: [nil]))
    let good = Decoded.Object(time: .absent, values: [])
    #expect(decode("[{\"values\":{}},\(text),{\"values\":{}}]") == Decoded(isArray: true, objects: [good, nil, good]))
  }

  @Test(arguments: ["1", "null", "\"x\"", "[]", "[{\"values\":{}}]", "true"]) func anElementThatIsNoObjectIsMalformedAlone(_ text: String) {
    #expect(decode("[\(text),{\"values\":{}}]")?.objects == [nil, Decoded.Object(time: .absent, values: [])])
  }

  @Test(
    arguments: [
      ("1763683200000", .at(1_763_683_200_000)), ("0", .at(0)), ("253402300799999", .at(253_402_300_799_999)),
      ("1763683200000.0", .at(1_763_683_200_000)),
      ("1.7636832e12", .at(1_763_683_200_000)), ("null", .absent), ("\"2025-11-21T00:00:00Z\"", .at(1_763_683_200_000)),
      ("\"2025-11-21T07:00:00+07:00\"", .at(1_763_683_200_000)), ("\"\\u0032025-11-21T00:00:00Z\"", .at(1_763_683_200_000)),
      ("\"\"", .malformed),
      ("\"yesterday\"", .malformed), ("\"1969-12-31T23:59:59Z\"", .malformed), ("\"1763683200000\"", .malformed),
    ] as [(String, Decoded.Time)]) func aTimeIsMillisecondsOrADateTime(_ text: String, _ time: Decoded.Time)
  {
    #expect(decode(#"{"ts":\#(text),"values":{}}"#)?.objects[0]?.time == time)
  }

  @Test func aStatusIsTheMessagesUnlessAMetricHasItsOwnWhereverItStands() {
    for text in [
      #"{"values":{"a":1,"b":2},"status":{"b":"02"}}"#, #"{"status":{"b":"02"},"values":{"a":1,"b":2}}"#,
      #"{"status":{"b":"01"},"status":{"\u0062":"02"},"values":{"a":1,"b":2}}"#,
    ] {
      #expect(decode(text)?.objects[0]?.values.map(\.status) == [0, 2])
    }
    #expect(decode(#"{"values":{"a":1,"b":2},"status":"99"}"#)?.objects[0]?.values.map(\.status) == [99, 99])
  }

  @Test func oneObjectsStatusIsNotTheNexts() {
    let decoded = decode(
      #"[{"status":"02","values":{"a":1}},{"values":{"a":1}},{"status":{"a":"01"},"values":{"a":1}},{"values":{"a":1}}]"#)
    #expect(decoded?.objects.map { $0?.values[0].status } == [2, 0, 1, 0])
  }

  @Test func escapesInKeysAreTheLettersTheyNameAndKeysMayRepeat() {
    let decoded = decode(#"{"\u0076alues":{"sp\u0065ed":1,"speed":2,"\ud83d\ude80":3,"":4}}"#)
    #expect(decoded?.objects[0]?.values.map(\.name) == ["speed", "speed", "🚀", ""])
  }

  @Test func otherKeysAreIgnoredAndSpaceIsFree() {
    let decoded = decode(
      " \r\n\t{ \"x\" : [ { \"values\" : 1 } , null ] , \"values\" : { \"a\" : 1 } , \"meta\" : { \"values\" : { \"b\" : 2 } } } \n")
    #expect(decoded?.objects[0]?.values.map(\.name) == ["a"])
  }

  @Test func anEmptyBatchIsNoError() {
    #expect(decode("[]") == Decoded(isArray: true, objects: []))
  }

  @Test func nestingThatHasNoEndIsMalformed() {
    for depth in [100, 1000, 1024, 5000, 100_000] {
      for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
        #expect(decode(#"{"values":{},"x":\#(deep)}"#) == nil)
        #expect(decode(#"{"values":{"m":\#(deep)}}"#) == nil)
        #expect(decode(String(repeating: open, count: depth)) == nil)
      }
    }
    let shallow = String(repeating: "[", count: 20) + String(repeating: "]", count: 20)
    #expect(decode(#"{"values":{"a":1},"x":\#(shallow)}"#)?.objects[0]?.values.count == 1)
  }

  @Test(
    arguments: [
      [0xff], [0xc0, 0x80], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80], [0xf0, 0x80, 0x80, 0x80],
    ] as [[UInt8]])
  func bytesThatAreNotUTF8AreMalformedWhereverTheyStand(_ bytes: [UInt8]) {
    for (before, after) in [
      (#"{"values":{"a":""#, #""}}"#), (#"{"values":{""#, #"":1}}"#), (#"{"values":{},"x":""#, #""}"#), (#"{"values":{}}"#, ""),
    ] {
      #expect(decode(Array(before.utf8) + bytes + Array(after.utf8)) == nil)
    }
  }
}
