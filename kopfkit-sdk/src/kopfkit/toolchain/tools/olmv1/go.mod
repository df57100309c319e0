module kopfkit.local/tools/olmv1

go 1.26.3

require github.com/operator-framework/operator-controller v1.11.0

// service-ca is among the files that go into the copy of the module.
tool (
	github.com/operator-framework/operator-controller/cmd/catalogd
	github.com/operator-framework/operator-controller/cmd/operator-controller
	github.com/operator-framework/operator-controller/cmd/service-ca
)
