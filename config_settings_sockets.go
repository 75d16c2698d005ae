package puff

// The settings of "puff serve" that are about connections: sockets, TLS,
// WebSockets. None of the tables is changed.

var settingsOfSockets = []Setting{
	{
		Name: "host", Group: "Sockets", Arg: "HOST",
		Help:  "Listen on this host.",
		value: text(func(c *ServeConfig) *string { return &c.Host }),
	},
	{
		Name: "port", Group: "Sockets", Arg: "PORT",
		Help:  "Listen on this port; 0 takes any free one.",
		value: func(c *ServeConfig) value { return intValue{&c.Port, 0, 65535} },
	},
	{
		Name: "bind", Group: "Sockets", Arg: "ADDRESS", Repeat: true,
		Help:  "Listen on HOST:PORT, [::1]:PORT or unix:PATH; may be given several times.",
		value: func(c *ServeConfig) value { return bindValue{&c.Bind} },
	},
	{
		Name: "uds-mode", Group: "Sockets", Arg: "MODE",
		Help:  "The permissions of unix sockets, in octal.",
		value: func(c *ServeConfig) value { return modeValue{&c.UDSMode} },
	},
	{
		Name: "backlog", Group: "Sockets", Arg: "N",
		Help:  "How many connections may wait to be accepted.",
		value: func(c *ServeConfig) value { return intValue{&c.Backlog, 1, noLimit} },
	},
	{
		Name: "reuse-port", Group: "Sockets",
		Help:  "Let several processes listen on the same address.",
		value: func(c *ServeConfig) value { return boolValue{&c.ReusePort} },
	},
	{
		Name: "proxy-protocol", Group: "Sockets",
		Help:  "Expect the PROXY protocol, version 1 or 2, on every connection.",
		value: func(c *ServeConfig) value { return boolValue{&c.ProxyProtocol} },
	},
	{
		Name: "proxy-allow-from", Group: "Sockets", Arg: "CIDR,...",
		Help:  "Who may speak the PROXY protocol.",
		value: func(c *ServeConfig) value { return networksValue{&c.ProxyAllowFrom} },
	},
	{
		Name: "forwarded-allow-ips", Group: "Sockets", Arg: "CIDR,...",
		Help:  "Whose Forwarded and X-Forwarded fields are believed.",
		value: func(c *ServeConfig) value { return networksValue{&c.ForwardedAllowIPs} },
	},
}

var settingsOfTLS = []Setting{
	{
		Name: "tls-cert", Group: "TLS and HTTP/2", Arg: "FILE", Repeat: true,
		Help:  "A certificate chain in PEM; repeat it with --tls-key for several names.",
		value: func(c *ServeConfig) value { return listValue{&c.TLSCert} },
	},
	{
		Name: "tls-key", Group: "TLS and HTTP/2", Arg: "FILE", Repeat: true,
		Help:  "The key of the certificate in the same place.",
		value: func(c *ServeConfig) value { return listValue{&c.TLSKey} },
	},
	{
		Name: "tls-key-password", Group: "TLS and HTTP/2", Arg: "TEXT",
		Help:  "What the keys are encrypted with.",
		value: func(c *ServeConfig) value { return secretValue{&c.TLSKeyPassword} },
	},
	{
		Name: "tls-ca", Group: "TLS and HTTP/2", Arg: "FILE",
		Help:  "The authorities that sign the certificates of clients.",
		value: text(func(c *ServeConfig) *string { return &c.TLSCA }),
	},
	{
		Name: "tls-client-auth", Group: "TLS and HTTP/2", Arg: "off|optional|required",
		Help:  "Whether clients show a certificate.",
		value: choice(func(c *ServeConfig) *string { return &c.TLSClientAuth }, "off", "optional", "required"),
	},
	{
		Name: "http", Group: "TLS and HTTP/2", Arg: "auto|1|2",
		Help:  "The versions of HTTP that are spoken.",
		value: choice(func(c *ServeConfig) *string { return &c.HTTP }, "auto", "1", "2"),
	},
}

var settingsOfWebSocket = []Setting{
	{
		Name: "ws", Group: "WebSocket",
		Help:  "Accept WebSockets.",
		value: func(c *ServeConfig) value { return boolValue{&c.WS} },
	},
	{
		Name: "no-ws", Group: "WebSocket", of: "ws",
		Help:  "Answer WebSocket requests like any other.",
		value: func(c *ServeConfig) value { return notValue{&c.WS} },
	},
	{
		Name: "ws-max-size", Group: "WebSocket", Arg: "SIZE",
		Help:  "The most bytes of a message.",
		value: func(c *ServeConfig) value { return sizeValue{&c.WSMaxSize} },
	},
	{
		Name: "ws-max-queue", Group: "WebSocket", Arg: "N",
		Help:  "How many messages may wait for the application.",
		value: func(c *ServeConfig) value { return intValue{&c.WSMaxQueue, 1, noLimit} },
	},
	{
		Name: "ws-ping-interval", Group: "WebSocket", Arg: "TIME",
		Help:  "How often a silent client is pinged; 0 for never.",
		value: func(c *ServeConfig) value { return durationValue{&c.WSPingInterval} },
	},
	{
		Name: "ws-ping-timeout", Group: "WebSocket", Arg: "TIME",
		Help:  "How long a client may take to answer a ping.",
		value: func(c *ServeConfig) value { return durationValue{&c.WSPingTimeout} },
	},
	{
		Name: "ws-per-message-deflate", Group: "WebSocket", Arg: "on|off",
		Help:  "Whether messages may be compressed.",
		value: func(c *ServeConfig) value { return switchValue{&c.WSPerMessageDeflate} },
	},
}
