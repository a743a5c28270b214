package ksc_test

import (
	"context"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// operation is one thing a client does, and the KSC method that is spoilt.
type operation struct {
	method string
	do     func(context.Context, *ksc.Client) error
}

// longer is how much longer than its caller an answer is awaited, which says under
// which id KSC keeps something.
func (o operation) longer() time.Duration {
	switch o.method {
	case "HostGroup.FindHosts", "HostGroup.FindIncidents", "Tasks.GetTaskHistory", "EventProcessingFactory.CreateEventProcessingForHost2",
		"SrvView.ResetIterator", "Tasks.ResetHostIteratorForTaskStatus", "Tasks.ResetHostIteratorForTaskStatusEx":
		return 2 * time.Second
	}
	return 0
}

func operations() []operation {
	findHosts := func(ctx context.Context, c *ksc.Client) error {
		_, err := c.FindHosts(ctx, ksc.ByAny, "PC-12", 20)
		return err
	}
	status := func(ctx context.Context, c *ksc.Client) error {
		_, err := c.TaskStatus(ctx, "195", hostID)
		return err
	}
	events := func(ctx context.Context, c *ksc.Client) error {
		_, err := c.TaskEvents(ctx, "195", hostID, 10)
		return err
	}
	local := func(ctx context.Context, c *ksc.Client) error {
		l, err := c.LocalTasks(ctx, hostID)
		if err != nil {
			return err
		}
		_, _, err = l.Next(ctx)
		return err
	}
	localStatus := func(ctx context.Context, c *ksc.Client) error {
		_, err := c.LocalStatus(ctx, "195", taskName)
		return err
	}
	return []operation{
		{"Tasks.GetAllTasksOfHost", func(ctx context.Context, c *ksc.Client) error {
			_, err := c.TasksOfHost(ctx, hostID)
			return err
		}},
		{"Tasks.GetTask", func(ctx context.Context, c *ksc.Client) error {
			_, err := c.ConsoleTask(ctx, "195")
			return err
		}},
		{"Tasks.GetTaskStatistics", func(ctx context.Context, c *ksc.Client) error {
			_, err := c.TaskCounts(ctx, "195")
			return err
		}},
		{"Tasks.ResetHostIteratorForTaskStatusEx", status},
		{"Tasks.GetHostStatusRecordRange", status},
		{"Tasks.ResetHostIteratorForTaskStatus", func(ctx context.Context, c *ksc.Client) error {
			_, err := c.TaskStatusOlder(ctx, "195", hostID)
			return err
		}},
		{"Tasks.GetTaskHistory", events},
		{"EventProcessing.GetRecordRange", events},
		{"EventProcessingFactory.CreateEventProcessingForHost2", func(ctx context.Context, c *ksc.Client) error {
			_, err := c.LocalEvents(ctx, hostID, taskName, 10)
			return err
		}},
		{"HostGroup.GetHostTasks", local},
		{"HostTasks.ResetTasksIterator", local},
		{"HostTasks.GetNextTask", local},
		{"SrvView.ResetIterator", localStatus},
		{"SrvView.GetRecordRange", localStatus},
		{"Session.StartSession", func(ctx context.Context, c *ksc.Client) error { return c.Open(ctx) }},
		{"HostGroup.FindHosts", findHosts},
		{"ChunkAccessor.GetItemsChunk", findHosts},
		{"HostGroup.GetHostInfo", func(ctx context.Context, c *ksc.Client) error {
			_, err := c.Host(ctx, hostID)
			return err
		}},
		{"HostGroup.GetStaticInfo", func(ctx context.Context, c *ksc.Client) error {
			_, err := c.Server(ctx)
			return err
		}},
		{"HostGroup.AddIncident", func(ctx context.Context, c *ksc.Client) error {
			_, err := c.AddIncident(ctx, ksc.Incident{Severity: 2, Added: time.Now(), Body: "{}", Host: hostID})
			return err
		}},
		{"HostGroup.UpdateIncident", func(ctx context.Context, c *ksc.Client) error {
			return c.UpdateIncident(ctx, 4711, hostID, false)
		}},
		{"HostGroup.FindIncidents", func(ctx context.Context, c *ksc.Client) error {
			_, err := c.Incident(ctx, 4711)
			return err
		}},
		{"ConEvents.IsAnyServiceConsoleAvailable", func(ctx context.Context, c *ksc.Client) error {
			_, _, err := c.ServiceConsole(ctx)
			return err
		}},
	}
}
