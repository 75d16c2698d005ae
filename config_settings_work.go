package puff

// The settings of "puff serve" that are about work: processes, limits, files,
// answers, logs. None of the tables is changed.

var settingsOfProcesses = []Setting{
	{
		Name: "workers", Group: "Processes", Arg: "N|auto",
		Help:  "How many processes serve; auto takes one for each processor.",
		value: func(c *ServeConfig) value { return workersValue{&c.Workers} },
	},
	{
		Name: "blocking-threads", Group: "Processes", Arg: "N",
		Help:  "Threads for blocking Python functions.",
		value: func(c *ServeConfig) value { return intValue{&c.BlockingThreads, 1, noLimit} },
	},
	{
		Name: "graceful-timeout", Group: "Processes", Arg: "TIME",
		Help:  "How long requests may take to end after SIGTERM or Ctrl-C.",
		value: func(c *ServeConfig) value { return durationValue{&c.GracefulTimeout} },
	},
	{
		Name: "worker-timeout", Group: "Processes", Arg: "TIME",
		Help:  "How long a lane may be silent before its worker is replaced.",
		value: func(c *ServeConfig) value { return durationValue{&c.WorkerTimeout} },
	},
	{
		Name: "max-requests", Group: "Processes", Arg: "N",
		Help:  "Replace a worker that has answered as many.",
		value: func(c *ServeConfig) value { return intValue{&c.MaxRequests, 0, noLimit} },
	},
	{
		Name: "max-requests-jitter", Group: "Processes", Arg: "N",
		Help:  "Up to as many more, by chance, so that workers do not end together.",
		value: func(c *ServeConfig) value { return intValue{&c.MaxRequestsJitter, 0, noLimit} },
	},
	{
		Name: "max-age", Group: "Processes", Arg: "TIME",
		Help:  "Replace a worker of that age.",
		value: func(c *ServeConfig) value { return durationValue{&c.MaxAge} },
	},
	{
		Name: "max-rss", Group: "Processes", Arg: "MB",
		Help:  "Replace a worker that holds more memory, in megabytes.",
		value: func(c *ServeConfig) value { return intValue{&c.MaxRSS, 0, noLimit} },
	},
	{
		Name: "pid-file", Group: "Processes", Arg: "FILE",
		Help:  "Write the number of the parent process here.",
		value: text(func(c *ServeConfig) *string { return &c.PIDFile }),
	},
}

var settingsOfLimits = []Setting{
	{
		Name: "request-timeout", Group: "Limits", Arg: "TIME",
		Help:  "How long an answer may take; then the handler is cancelled.",
		value: func(c *ServeConfig) value { return durationValue{&c.RequestTimeout} },
	},
	{
		Name: "limit-concurrency", Group: "Limits", Arg: "N",
		Help:  "The most requests that a worker handles at a time.",
		value: func(c *ServeConfig) value { return intValue{&c.LimitConcurrency, 0, noLimit} },
	},
	{
		Name: "limit-queue", Group: "Limits", Arg: "N",
		Help:  "The most requests that wait beyond those; the rest is told 503.",
		value: func(c *ServeConfig) value { return intValue{&c.LimitQueue, 0, noLimit} },
	},
	{
		Name: "head-timeout", Group: "Limits", Arg: "TIME",
		Help:  "How long a request's head may take.",
		value: func(c *ServeConfig) value { return durationValue{&c.HeadTimeout} },
	},
	{
		Name: "body-timeout", Group: "Limits", Arg: "TIME",
		Help:  "How long a request's body may pause.",
		value: func(c *ServeConfig) value { return durationValue{&c.BodyTimeout} },
	},
	{
		Name: "write-timeout", Group: "Limits", Arg: "TIME",
		Help:  "How long a client may take to accept a piece of an answer.",
		value: func(c *ServeConfig) value { return durationValue{&c.WriteTimeout} },
	},
	{
		Name: "keep-alive", Group: "Limits", Arg: "TIME",
		Help:  "How long an idle connection stays open.",
		value: func(c *ServeConfig) value { return durationValue{&c.KeepAlive} },
	},
	{
		Name: "max-body-size", Group: "Limits", Arg: "SIZE",
		Help:  "The most bytes of a request's body.",
		value: func(c *ServeConfig) value { return sizeValue{&c.MaxBodySize} },
	},
	{
		Name: "max-head-size", Group: "Limits", Arg: "SIZE",
		Help:  "The most bytes of a request's head.",
		value: func(c *ServeConfig) value { return sizeValue{&c.MaxHeadSize} },
	},
	{
		Name: "max-headers", Group: "Limits", Arg: "N",
		Help:  "The most fields of a request's head.",
		value: func(c *ServeConfig) value { return intValue{&c.MaxHeaders, 0, noLimit} },
	},
	{
		Name: "max-request-line", Group: "Limits", Arg: "SIZE",
		Help:  "The most bytes of a request line.",
		value: func(c *ServeConfig) value { return sizeValue{&c.MaxRequestLine} },
	},
	{
		Name: "limit-connections", Group: "Limits", Arg: "N",
		Help:  "The most connections open at a time.",
		value: func(c *ServeConfig) value { return intValue{&c.LimitConnections, 0, noLimit} },
	},
	{
		Name: "max-requests-per-connection", Group: "Limits", Arg: "N",
		Help:  "The most requests on one connection.",
		value: func(c *ServeConfig) value { return intValue{&c.MaxRequestsPerConnection, 0, noLimit} },
	},
}

var settingsOfFiles = []Setting{
	{
		Name: "static", Group: "Files", Arg: "PREFIX=DIR", Repeat: true,
		Help:  "Serve the files of a folder; may be given several times.",
		value: func(c *ServeConfig) value { return mountValue{&c.Static} },
	},
}

var settingsOfAnswers = []Setting{
	{
		Name: "server-header", Group: "Answers", Arg: "NAME",
		Help:  "The Server field of answers.",
		value: func(c *ServeConfig) value { return nameValue{&c.ServerHeader} },
	},
	{
		Name: "no-server-header", Group: "Answers", of: "server-header",
		Help:  "Leave the Server field out.",
		value: func(c *ServeConfig) value { return offValue{&c.ServerHeader} },
	},
	{
		Name: "no-date-header", Group: "Answers",
		Help:  "Leave the Date field out.",
		value: func(c *ServeConfig) value { return boolValue{&c.NoDateHeader} },
	},
}

var settingsOfLogs = []Setting{
	{
		Name: "log-level", Group: "Logs and metrics", Arg: "debug|info|warning|error",
		Help:  "The least important messages that are logged.",
		value: choice(func(c *ServeConfig) *string { return &c.LogLevel }, "debug", "info", "warning", "error"),
	},
	{
		Name: "log-format", Group: "Logs and metrics", Arg: "text|json",
		Help:  "How messages are written.",
		value: choice(func(c *ServeConfig) *string { return &c.LogFormat }, "text", "json"),
	},
	{
		Name: "access-log", Group: "Logs and metrics", Arg: "FORMAT",
		Help:  "Log each request: off, common, combined, json, or a format of your own.",
		value: text(func(c *ServeConfig) *string { return &c.AccessLog }),
	},
	{
		Name: "access-log-file", Group: "Logs and metrics", Arg: "FILE",
		Help:  "Where to; without it, standard output.",
		value: text(func(c *ServeConfig) *string { return &c.AccessLogFile }),
	},
	{
		Name: "metrics", Group: "Logs and metrics", Arg: "HOST:PORT",
		Help:  "Serve metrics, health and the status page here.",
		value: func(c *ServeConfig) value { return addressValue{&c.Metrics} },
	},
	{
		Name: "health-services", Group: "Logs and metrics",
		Help:  "Health fails while a service in use is down.",
		value: func(c *ServeConfig) value { return boolValue{&c.HealthServices} },
	},
}
