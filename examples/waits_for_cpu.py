from wca.detectors import AnomalyDetector, ContendedResource, ContentionAnomaly


class WaitsForCpu(AnomalyDetector):
    def __init__(self, share: float = 0.2):
        self.share = share
        self.last = {}

    def detect(self, platform, tasks_data):
        anomalies, now = [], {}
        for task_id, task in tasks_data.items():
            waited = task.measurements.get("task_psi_cpu_some_seconds")
            if waited is None:
                continue
            now[task_id] = platform.monotonic, waited
            since, before = self.last.get(task_id, now[task_id])
            if waited - before > self.share * (platform.monotonic - since) > 0:
                anomalies.append(ContentionAnomaly(ContendedResource.CPUS, task_id))
        self.last = now
        return anomalies, []
