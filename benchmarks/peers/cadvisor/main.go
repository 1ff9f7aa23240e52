// cadvisor is the measuring part of cAdvisor with its own metrics endpoint, and nothing else.
//
// The command of cAdvisor is a module that is not published; the library is. This command
// does what that one does for /metrics: a manager that visits every control group once per interval,
// and a Prometheus collector that shows what it saw last.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/cadvisor/lib/cache/memory"
	"github.com/google/cadvisor/lib/container"
	"github.com/google/cadvisor/lib/manager"
	"github.com/google/cadvisor/lib/metrics"
	info "github.com/google/cadvisor/lib/model"
	"github.com/google/cadvisor/lib/utils/sysfs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/utils/clock"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9101", "address of /metrics")
	interval := flag.Duration("interval", time.Second, "time between two visits of a control group")
	prefix := flag.String("prefix", "/", "control groups that are measured")
	version := flag.Bool("version", false, "print the version of the library and end")
	flag.Parse()
	if *version {
		fmt.Println(libraryVersion())
		return
	}

	included := container.MetricSet{
		container.CpuUsageMetrics:    struct{}{},
		container.MemoryUsageMetrics: struct{}{},
		container.MemoryNumaMetrics:  struct{}{},
		container.PressureMetrics:    struct{}{},
	}
	dynamic := false
	*manager.HousekeepingInterval = *interval
	agent, err := manager.New(
		memory.New(2*time.Minute, nil),
		sysfs.NewRealSysFs(),
		manager.HousekeepingConfig{Interval: interval, AllowDynamic: &dynamic},
		included, []string{*prefix}, nil, "", 0)
	if err != nil {
		log.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		log.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewPrometheusCollector(agent, nil, included, clock.RealClock{},
		info.RequestOptions{IdType: info.TypeName, Count: 1, Recursive: true}))
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	log.Fatal(http.ListenAndServe(*listen, nil))
}

func libraryVersion() string {
	build, _ := debug.ReadBuildInfo()
	for _, module := range build.Deps {
		if module.Path == "github.com/google/cadvisor/lib" {
			return module.Version
		}
	}
	return "unknown"
}
