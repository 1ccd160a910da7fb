import DeviceRegistry
import Foundation
import Readings
import Simulation
import Testing

@Suite struct HostileTraceTests {
  /// The fault of a trace's second line.
  func fault(_ line: String) throws -> FileFault? { try fault(Data("{\"at\":1}\n".utf8) + Data(line.utf8) + Data("\n{\"at\":9}\n".utf8)) }

  func fault(_ bytes: Data, name: String = "t.ndjson") throws -> FileFault? {
    let folder = try ScratchFolder()
    try bytes.write(to: folder.file(name))
    do {
      let reader = try TraceReader(files: [folder.file(name)])
      while try reader.next() != nil {}
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [
    ("x", "a line is one JSON object"), ("[1]", "a line is one JSON object"), ("5", "a line is one JSON object"),
    ("\"at\"", "a line is one JSON object"),
    ("{}", "\"at\" is missing"), ("{\"topic\":\"t\",\"payload\":1}", "\"at\" is missing"),
    ("{\"at\":\"2\"}", "whole number of milliseconds"),
    ("{\"at\":2.5}", "whole number"), ("{\"at\":-1}", "whole number"), ("{\"at\":1e3}", "whole number"),
    ("{\"at\":99999999999999999999}", "whole number"),
    ("{\"at\":253402300800000}", "whole number"), ("{\"at\":2,\"at\":3}", "twice"),
    ("{\"at\":2,\"topics\":\"t\",\"payload\":1}", "unknown key"),
    ("{\"at\":2,\"topic\":\"t\"}", "has a \"payload\""), ("{\"at\":2,\"payload\":1}", "has a \"topic\""),
    ("{\"at\":2,\"topic\":\"\",\"payload\":1}", "\"topic\""),
    ("{\"at\":2,\"topic\":7,\"payload\":1}", "\"topic\" is a text"),
    ("{\"at\":2,\"topic\":\"t\",\"payload\":1,\"text\":\"\"}", "one form of payload"),
    ("{\"at\":2,\"topic\":\"t\",\"text\":5}", "\"text\""), ("{\"at\":2,\"topic\":\"t\",\"base64\":\"A\"}", "base64"),
    ("{\"at\":2,\"topic\":\"t\",\"base64\":\"AA=A\"}", "base64"), ("{\"at\":2,\"topic\":\"t\",\"base64\":\"A===\"}", "base64"),
    ("{\"at\":2,\"topic\":\"t\",\"base64\":\"AA==AAAA\"}", "base64"), ("{\"at\":2,\"topic\":\"t\",\"base64\":\"A-_A\"}", "base64"),
    ("{\"at\":2,\"topic\":\"t\",\"payload\":1,\"retain\":1}", "\"retain\""), ("{\"at\":2,\"command\":\"ack\"}", "\"command\" is an object"),
    ("{\"at\":2,\"intake\":\"on\"}", "\"intake\""), ("{\"at\":2,\"intake\":true}", "\"intake\""),
    ("{\"at\":2,\"intake\":\"up\",\"topic\":\"t\"}", "one message"),
    ("{\"at\":2,\"retain\":true}", "has a \"topic\""), ("{\"at\":2,\"topic\":\"t\",\"payload\":nul}", "not one JSON"),
    ("{\"at\":2,\"topic\":\"t\",\"payload\":{\"a\":1}", "not one JSON"), ("{\"at\":2} x", "one JSON object"),
    ("{\"at\":2}{\"at\":3}", "not one JSON"),
    ("{\"at\":2,}", "not one JSON"), ("{\"at\":2,\"topic\":\"t\",\"payload\":}", "not one JSON"), ("{\"at\" 2}", "not one JSON"),
    ("{at:2}", "not one JSON"),
    ("{\"at\":0}", "goes back"),
  ])
  func `a line that is none is told with file, line and what to do`(_ line: String, _ expected: String) throws {
    let found = try #require(try fault(line), "\(line) was accepted")
    #expect(found.line == 2)
    #expect(found.column >= 1)
    #expect(found.file.hasSuffix("t.ndjson"))
    #expect(found.message.contains(expected), "\(line): \(found.message)")
  }

  @Test func `bytes that are no UTF-8 are a fault`() throws {
    #expect(try fault(Data([0x7b, 0x22, 0xff, 0x22, 0x7d, 0x0a]))?.line == 1)
    #expect(try fault(Data("{\"at\":2,\"topic\":\"t\",\"payload\":\"".utf8) + Data([0xc3, 0x22, 0x7d]))?.line == 1)
  }

  @Test func `deep nesting, long lines and endless strings end with a fault or a line, never with a crash`() throws {
    let deep = String(repeating: "[", count: 200_000) + String(repeating: "]", count: 200_000)
    _ = try fault("{\"at\":2,\"topic\":\"t\",\"payload\":\(deep)}")
    _ = try fault("{\"at\":2,\"topic\":\"t\",\"payload\":\(String(repeating: "{\"a\":", count: 100_000))")
    #expect(try fault(Data("{\"at\":2,\"topic\":\"".utf8) + Data(count: 17 << 20))?.message.contains("16 MiB") == true)
    #expect(try fault(Data(count: 100))?.line == 1)
  }

  @Test func `random damage to a good line is read or told, never a crash`() throws {
    let line = Array(
      #"{"at":5,"topic":"thuong/v1/a/b/c/telemetry","retain":false,"payload":{"ts":1,"values":{"speed":[1,"\u0041",null,true]}}}"#.utf8)
    let alphabet = Array("{}[]\",:\\0e-+.tfn \t\u{0}\u{1}".utf8) + [0x80, 0xff, 0xc3]
    let folder = try ScratchFolder()
    for seed in UInt64(0)..<3000 {
      var random = SeededGenerator(seed: seed)
      var damaged = line
      for _ in 0...Int(random.below(4)) {
        let place = Int(random.below(Int64(damaged.count)))
        switch random.below(3) {
        case 0: damaged[place] = alphabet[Int(random.below(Int64(alphabet.count)))]
        case 1: damaged.remove(at: place)
        default: damaged.insert(alphabet[Int(random.below(Int64(alphabet.count)))], at: place)
        }
      }
      try Data(damaged).write(to: folder.file("t.ndjson"))
      do {
        let reader = try TraceReader(files: [folder.file("t.ndjson")])
        while let next = try reader.next() { #expect(next.payload.count <= damaged.count, "seed \(seed)") }
      } catch {
        #expect(error.line == 1, "seed \(seed)")
      }
    }
  }

  @Test func `a stream that is cut short or not what its ending says is a fault`() throws {
    for name in ["t.ndjson.gz", "t.ndjson.zst"] {
      let folder = try ScratchFolder()
      let writer = try TraceWriter(file: folder.file(name))
      for at in Int64(0)..<20_000 { try writer.append(.clock(at: Timestamp(milliseconds: at))) }
      try writer.close()
      let whole = try Data(contentsOf: folder.file(name))
      #expect(try fault(whole, name: name) == nil)
      for length in [whole.count - 1, whole.count - 5, whole.count / 2, 12] {
        #expect(try fault(whole.prefix(length), name: name) != nil, "\(name) cut to \(length)")
      }
      #expect(try fault(Data("{\"at\":1}\n".utf8), name: name)?.message.contains(name.hasSuffix("gz") ? "not gzip" : "not zstd") == true)
    }
  }

  @Test func `a last line that is cut short does not go on with bytes that were read before it`() throws {
    // Larger than the reader's buffer, so that older lines stand behind the end of the file; one of nine places is a bracket of theirs.
    let lines = String(repeating: "{\"at\":1}\n", count: 130_000)
    for spaces in 0..<9 {
      let cut = "{\"at\":1,\"topic\":\"t\",\(String(repeating: " ", count: spaces))\"payload\":{}"
      #expect(try fault(Data((lines + cut).utf8)) != nil, "\(spaces) spaces")
      #expect(try fault(Data((lines + cut + "}").utf8)) == nil)
    }
  }

  @Test func `a file that is not there is a fault with its name`() throws {
    #expect { try TraceReader(files: [URL(fileURLWithPath: "/nowhere/t.ndjson")]) } throws: {
      "\($0)".hasPrefix("/nowhere/t.ndjson: cannot be opened")
    }
    #expect { try TraceWriter(file: URL(fileURLWithPath: "/nowhere/t.ndjson")) } throws: {
      "\($0)".hasPrefix("/nowhere/t.ndjson: cannot be created")
    }
  }
}
