import Database
import DeviceRegistry
import Gateway
import Readings
import RuleEngine

/// `/api/v1/rules`: what is evaluated now; what a file would do; loading the files anew.
struct RuleRoutes: Sendable {
  static let limitMax = 500
  static let limitUsual = 100

  let gateway: GatewayService

  /// In order of id.
  func list(_ call: Call) async throws -> Answer {
    let limit = try call.query.limit(most: Self.limitMax, usual: Self.limitUsual)
    let rules = gateway.book.rules.sorted { $0.id < $1.id }  // as they are evaluated, those that inhibit come first
    let after = try call.query.cursor(.rules)
    let start = after.map { after in rules.firstIndex { $0.id > after[0] } ?? rules.count } ?? 0
    let page = rules[start...].prefix(limit)
    let next = start + page.count < rules.count ? page.last.map { Cursor(.rules, $0.id) } : nil
    return .list(next: next) { json in for rule in page { write(rule, to: &json) } }
  }

  /// What is wrong with a file of rules, for the present devices; nothing changes.
  func check(_ call: Call) async throws -> Answer {
    guard let text = String(validating: call.body, as: UTF8.self) else { throw Problem.badBody("the body must be UTF-8") }
    let found = gateway.check(rules: text, name: "body")
    var json = JSONWriter()
    json.object { json in
      json.field("rules", found.rules)
      json.field("faults", array: { json in for fault in found.faults { Problem.Fault(fault).write(to: &json) } })
      json.field("warnings", array: { json in for warning in found.warnings { Problem.Fault(warning).write(to: &json) } })
    }
    return .json(json)
  }

  /// Reads devices and rules anew. Where a file does not load nothing changes, and the answer says why.
  func reload(_ call: Call) async throws -> Answer {
    let files: GatewayFiles
    do { files = try await gateway.reload() } catch let error as FileFaults {
      throw Problem.badFiles(error.faults.map(Problem.Fault.init))
    } catch is ReloadBusy {
      throw Problem.conflict("files are being loaded just now; try again in a moment")
    }
    var json = JSONWriter()
    json.object { json in
      json.field("version", files.version)
      json.field("rules", files.book.rules.count)
      json.field("devices", files.registry.devices.count)
      json.field("warnings", array: { json in for warning in files.book.warnings { Problem.Fault(warning).write(to: &json) } })
    }
    return .json(json)
  }

  private func write(_ rule: Rule, to json: inout JSONWriter) {
    json.object { json in
      json.field("id", rule.id)
      json.field("version", rule.version)
      json.field(
        "name",
        object: { json in
          json.field("vi", rule.name.vi)
          json.field("en", rule.name.en)
        })
      json.field("severity", rule.severity.name)
      json.field("when", rule.when.source)
      json.field("hold", DurationText.text(rule.hold))
      json.field("clear", rule.clear?.source)
      json.field("clear_hold", DurationText.text(rule.clearHold))
      json.field("for_each", rule.group?.kind.rawValue)
      json.field("file", rule.place.file)
      json.field("line", rule.place.line)
    }
  }
}

extension Problem.Fault {
  init(_ fault: FileFault) { self.init(file: fault.file, line: fault.line, column: fault.column, message: fault.message) }
}
