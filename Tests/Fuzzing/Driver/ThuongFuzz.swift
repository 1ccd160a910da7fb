import CLibFuzzer
import Foundation
import Fuzzing

/// `thuong-fuzz HARNESS`, then libFuzzer's own arguments.
@main struct ThuongFuzz {
  /// The driver starts itself again for some tasks, with the arguments it knows: the variable names the harness then.
  private static let variable = "THUONG_FUZZ_HARNESS"

  static func main() {
    var arguments = CommandLine.arguments
    if arguments.count > 1, harness(arguments[1]) != nil { setenv(variable, arguments.remove(at: 1), 1) }
    guard let name = ProcessInfo.processInfo.environment[variable], let found = harness(name) else {
      say("usage: thuong-fuzz \(Harnesses.all.map { $0.name }.joined(separator: "|")) [arguments of libFuzzer]")
      exit(2)
    }
    // A harness lives as long as the process. The boxes of its rules' conditions, and what its statements hold, are reached by pointers
    // with an enum's tag in their spare bits, which LeakSanitizer takes for none.
    __lsan_disable()
    do {
      FuzzedHarness.shared = try found.init()
    } catch {
      stop("\(name) cannot be set up: \(error)")
    }
    if !found.keepsState { __lsan_enable() }
    run(arguments)
  }

  private static func harness(_ name: String) -> (any Harness.Type)? { Harnesses.all.first { $0.name == name } }

  private static func run(_ arguments: [String]) -> Never {
    var copies: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    var count = Int32(arguments.count)
    let code = copies.withUnsafeMutableBufferPointer { buffer in
      var values = buffer.baseAddress
      return LLVMFuzzerRunDriver(&count, &values) { bytes, count in
        FuzzedHarness.check(UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
      }
    }
    exit(code)
  }

  private static func say(_ message: String) { FileHandle.standardError.write(Data("\(message)\n".utf8)) }

  /// libFuzzer takes the abort for a crash and keeps the input.
  static func stop(_ message: String) -> Never {
    say("thuong-fuzz: \(message)")
    abort()
  }
}

/// libFuzzer's callback has no context of its own, and runs on the main thread alone.
private enum FuzzedHarness {
  nonisolated(unsafe) static var shared: (any Harness)?

  static func check(_ input: UnsafeRawBufferPointer) {
    do {
      try shared?.check(input)
    } catch {
      ThuongFuzz.stop("\(error)")
    }
  }
}
