import Foundation
import Simulation

/// Python with the libraries of Tests/Python/requirements.txt, in a folder of the build.
enum PythonTools {
  /// The interpreter; installed at the first call, which needs the network then.
  static func interpreter() async throws -> String { try await installed.value }

  private static let installed = Task { try await Bench.blocking { try install() } }

  private static var folder: String { Bench.root.appending(path: ".build/python-tools").path }

  static func script(_ name: String) -> String { Bench.root.appending(path: "Tests/Python/\(name)").path }

  /// What a script of Tests/Python printed on standard output; its errors are thrown.
  static func run(_ name: String, _ arguments: [String], input: String? = nil) async throws -> String {
    let python = try await interpreter()
    return try await Bench.blocking {
      // A shell for its redirections; the words are its arguments and no part of its text.
      try output(["/bin/sh", "-c", "exec \"$@\" <\"$0\"", input ?? "/dev/null", python, script(name)] + arguments)
    }
  }

  private static func install() throws -> String {
    let python = "\(folder)/bin/python3"
    let wanted = script("requirements.txt")
    if !FileManager.default.isExecutableFile(atPath: python) { _ = try output(["/usr/bin/python3", "-m", "venv", folder]) }
    let check = """
      import importlib.metadata as m, sys
      sys.exit(any(m.version(n) != v for n, v in (l.strip().split("==") for l in open(sys.argv[1]) if "==" in l)))
      """
    if (try? output([python, "-c", check, wanted])) == nil {
      _ = try output([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted])
    }
    return python
  }

  private static func output(_ command: [String]) throws -> String {
    let directory = try TemporaryDirectory(prefix: "thuong-python")
    let file = "\(directory.path)/output"
    try Data().write(to: URL(fileURLWithPath: file))
    let child = try ChildProcess(command[0], Array(command.dropFirst()), output: FileHandle(forWritingAtPath: file))
    child.wait()
    let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: file)), as: UTF8.self)
    guard child.exitCode == 0 else { throw KillFailure("\(command.joined(separator: " ")): exit \(child.exitCode): \(text)") }
    return text
  }
}
