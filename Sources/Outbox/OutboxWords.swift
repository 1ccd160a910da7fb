package import Alerting
package import Readings

/// What operators read of deliveries and sinks.
extension OperatorText {
  package static func name(of state: DeliveryState) -> BilingualText {
    switch state {
    case .waiting: BilingualText(vi: "đang chờ gửi", en: "waiting")
    case .delivered: BilingualText(vi: "đã nhận", en: "delivered")
    case .dead: BilingualText(vi: "không gửi được", en: "dead")
    }
  }

  package static func name(of condition: SinkCondition) -> BilingualText {
    switch condition {
    case .ok: BilingualText(vi: "bình thường", en: "ok")
    case .behind: BilingualText(vi: "chậm", en: "behind")
    case .failing: BilingualText(vi: "lỗi liên tiếp", en: "failing")
    case .stopped: BilingualText(vi: "đã dừng", en: "stopped")
    case .unconfigured: BilingualText(vi: "không còn trong cấu hình", en: "not configured")
    }
  }

  /// What becomes of events that wait for a sink that is not configured any longer.
  package static func unconfigured(sink: String, waiting: Int64) -> BilingualText {
    let days = RetryPolicy().giveUp / 86_400_000
    return BilingualText(
      vi:
        "\(sink) không còn trong cấu hình: \(waiting) sự kiện chờ, được gửi khi có lại; sau \(days) ngày không có thì ghi là không gửi được",
      en: "\(sink) is not configured: \(waiting) events wait and are sent when it is back; after \(days) days without it they are dead")
  }
}
