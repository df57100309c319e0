module kopfkit.local/tools/render-chart

go 1.25.0
