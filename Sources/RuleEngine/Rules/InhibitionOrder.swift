/// Rules in the order in which they are evaluated: those that inhibit others before them, else by id.
struct InhibitionOrder {
  private(set) var rules: [Rule] = []
  /// The ids of rules of which each is inhibited by the next, and the last by the first; the least id first. Nil where there are none.
  private(set) var circle: [String]?

  init(_ all: [Rule]) {
    let sorted = all.sorted { $0.id < $1.id }
    let known = Set(sorted.map(\.id))
    var waiting: [String: Set<String>] = [:]
    var inhibited: [String: [String]] = [:]
    for rule in sorted {
      let by = Set(rule.policy.inhibitions.map(\.rule)).intersection(known)
      waiting[rule.id] = by
      for id in by { inhibited[id, default: []].append(rule.id) }
    }
    // The least last.
    var ready = Array(sorted.map(\.id).filter { waiting[$0]?.isEmpty ?? true }.reversed())
    let byID = Dictionary(sorted.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    while let next = ready.popLast() {
      if let rule = byID[next] { rules.append(rule) }
      for id in inhibited[next] ?? [] {
        waiting[id]?.remove(next)
        guard waiting[id]?.isEmpty == true else { continue }
        ready.append(id)
        ready.sort(by: >)
      }
    }
    if rules.count < sorted.count { circle = Self.circle(in: waiting.filter { !$0.value.isEmpty }) }
  }

  /// From any rule that still waits the way along its inhibitors comes round.
  private static func circle(in waiting: [String: Set<String>]) -> [String]? {
    guard var id = waiting.keys.min() else { return nil }
    var path: [String] = []
    while !path.contains(id) {
      path.append(id)
      guard let next = waiting[id]?.min() else { return nil }
      id = next
    }
    let circle = path[(path.firstIndex(of: id) ?? 0)...]
    guard let least = circle.min(), let place = circle.firstIndex(of: least) else { return nil }
    return Array(circle[place...] + circle[..<place])
  }
}
