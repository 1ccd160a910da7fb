import Foundation
import Readings
import TestSupport
import Testing

@Suite struct JSONWriterTests {
  private func written(_ body: (inout JSONWriter) -> Void) -> String {
    var json = JSONWriter()
    body(&json)
    return json.text
  }

  @Test func keysStandInTheOrderGiven() {
    let text = written { json in
      json.object { json in
        json.field("z", 1)
        json.field("a", "x")
        json.field(
          "m",
          array: { json in
            json.value(true)
            json.null()
            json.object { _ in }
            json.array { _ in }
          })
        json.field("b", object: { json in json.field("y", 0.5) })
        json.field("n", String?.none)
        json.field("d", Double?.none)
        json.fieldNull("e")
        json.key("r")
        json.raw("[1,2]")
      }
    }
    #expect(text == #"{"z":1,"a":"x","m":[true,null,{},[]],"b":{"y":0.5},"n":null,"d":null,"e":null,"r":[1,2]}"#)
  }

  @Test func everyScalarOfTheFirstPlanesReadsBack() throws {
    for first in stride(from: UInt32(0), to: 0x1_1000, by: 256) {
      var text = ""
      for code in first..<(first + 256) { if let scalar = Unicode.Scalar(code) { text.unicodeScalars.append(scalar) } }
      let json = written { $0.array { $0.value(text) } }
      let read = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String]
      #expect(read.map { Array($0[0].unicodeScalars) } == Array(text.unicodeScalars), "from \(first)")
    }
  }

  @Test func onlyQuoteBackslashAndControlsAreEscaped() {
    #expect(written { $0.value("\"\\/\n\r\t\u{0}\u{1f}\u{7f}Thương") } == "\"\\\"\\\\/\\n\\r\\t\\u0000\\u001f\u{7f}Thương\"")
  }

  @Test func everyFiniteNumberReadsBackAsTheSameDouble() {
    let seed: UInt64 = 4
    var random = SeededGenerator(seed: seed)
    let edges: [Double] = [
      0, 0.1, 1e15, 9_007_199_254_740_991, 9_007_199_254_740_992, 1e16, 1e300, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 1e-7,
      123456.789,
    ]
    for number in edges + edges.map({ -$0 }) + (0..<20_000).map({ _ in Double(bitPattern: random.next()) }) where number.isFinite {
      let text = JSONWriter.number(number)
      #expect(Double(text)?.bitPattern == number.bitPattern, "seed \(seed): \(text)")
      #expect((try? JSONSerialization.jsonObject(with: Data("[\(text)]".utf8))) != nil, "\(text) is no JSON")
    }
  }

  @Test func wholeNumbersHaveNoPointAndWhatJSONLacksIsNull() {
    #expect(JSONWriter.number(42) == "42")
    #expect(JSONWriter.number(-42) == "-42")
    #expect(JSONWriter.number(12.5) == "12.5")
    for number in [Double.nan, .infinity, -.infinity] { #expect(JSONWriter.number(number) == "null") }
  }

  @Test func linesAreDocumentsOfTheirOwn() {
    let text = written { json in
      for n in 0..<3 {
        json.object { $0.field("n", n) }
        json.endLine()
      }
    }
    #expect(text == "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n")
  }

  @Test func anEmptiedWriterBeginsAnew() {
    var json = JSONWriter()
    json.value(1)
    json.removeAll()
    json.value(2)
    #expect(json.text == "2")
  }
}
