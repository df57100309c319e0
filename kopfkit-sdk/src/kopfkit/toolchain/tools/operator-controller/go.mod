module kopfkit.local/tools/olm-v1

go 1.26.3

require github.com/operator-framework/operator-controller v1.11.0
