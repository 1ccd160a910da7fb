import DeviceRegistry
import Foundation
import Readings
import Simulation
import Testing

@Suite struct EventComparisonTests {
  private func line(_ minute: Int, _ rule: String = "jam", type: String = "raised", severity: String = "major", extra: String = "") throws
    -> EventComparison.Line
  {
    let body = """
      {"type":"vn.thuong.alert.\(type)","subject":"s/traffic/tr-1","time":"2025-11-21T07:\(minute):00+07:00",\
      "data":{"alert":"a\(extra)","severity":"\(severity)","rule":{"id":"\(rule)"}}}
      """
    return try #require(EventComparison.Line(Array(body.utf8)))
  }

  private func texts(_ expected: [EventComparison.Line], _ found: [EventComparison.Line], exact: Bool = false) -> [String] {
    EventComparison.differences(expected: expected, found: found, exact: exact).map(\.text)
  }

  @Test func `the same events in another order, and with another id, are the same unless every byte counts`() throws {
    let expected = [try line(10), try line(20, type: "cleared")]
    #expect(texts(expected, expected.reversed()) == [])
    #expect(texts(expected, expected, exact: true) == [])
    #expect(texts(expected, [try line(10, extra: "x"), expected[1]]) == [])
    #expect(texts(expected, expected.reversed(), exact: true).count == 1)
    let bytes = texts(expected, [try line(10, extra: "x"), expected[1]], exact: true)
    #expect(bytes.count == 1)
    #expect(
      bytes.first?.hasPrefix("bytes       21/11/2025 07:10:00  alert.raised jam major s/traffic/tr-1\n    column 114: expected") == true,
      "\(bytes)")
  }

  @Test func `what is missing, unexpected and different is told in order of time`() throws {
    let expected = [try line(10), try line(20, type: "cleared"), try line(30, "gas")]
    let found = [try line(11), try line(15, "door", severity: "minor"), try line(20, type: "cleared")]
    #expect(
      texts(expected, found) == [
        """
        differs     21/11/2025 07:10:00  alert.raised jam major s/traffic/tr-1
            found   21/11/2025 07:11:00  alert.raised jam major s/traffic/tr-1
        """, "unexpected  21/11/2025 07:15:00  alert.raised door minor s/traffic/tr-1",
        "missing     21/11/2025 07:30:00  alert.raised gas major s/traffic/tr-1",
      ])
  }

  @Test func `an event that comes twice is one too many`() throws {
    let one = try line(10)
    #expect(texts([one], [one, one]) == ["unexpected  \(one.summary.text)"])
    #expect(texts([one, one], [one]) == ["missing     \(one.summary.text)"])
  }

  @Test func `a line of a golden file that is no event is a fault with its place`() throws {
    let folder = try ScratchFolder()
    let file = try folder.file("golden.ndjson", "{\"type\":\"x\"}\n\nno\n")
    do {
      _ = try GoldenFile.load(file)
      Issue.record("it loads")
    } catch {
      #expect(error.faults.map { "\($0.line):\($0.column)" } == ["1:1", "3:1"])
    }
  }
}
