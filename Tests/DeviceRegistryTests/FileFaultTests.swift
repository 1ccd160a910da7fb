import DeviceRegistry
import Testing

@Suite struct FileFaultTests {
  @Test(arguments: ["\n", "\r", "\r\n", "\u{85}", "\u{2028}", "\u{2029}", "\u{b}", "\u{c}", "\u{1b}", "\0", "\u{7f}"])
  func `A fault is one line, whatever it quotes`(_ quoted: String) {
    let fault = FileFault(file: "a.yaml", line: 1, column: 2, message: "no profile x\(quoted)y; known: ü")
    #expect(fault.description == "a.yaml:1:2: no profile x\(quoted.unicodeScalars.count == 2 ? "  " : " ")y; known: ü")
  }

  @Test func `A fault in a file of several broken lines is told in one`() throws {
    let faults = try RegistryWorkshop.faults(changing: ["town.yaml": "devices: [{id: \"a\\nb\", profile: door, site: viet-yen}]"])
    #expect(faults.count == 1)
    #expect(faults.allSatisfy { !$0.contains("\n") && $0.contains("\"a b\" is no identifier") }, "\(faults)")
  }
}
