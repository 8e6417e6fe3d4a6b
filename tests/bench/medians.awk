# medians.awk - one row for each model, system and number of threads: the medians over rounds.
#     awk -f medians.awk models rounds.csv
# In: rows model,system,threads,step_us,predict1_us,first_step_s,rss_mb,plan_bytes; a field
# may be empty. Out: the columns of the first line, in the order of first appearance.

FNR == NR { if ($0 !~ /^#/) batch[$1] = $2; next }
FNR == 1 {
    FS = ","
    $0 = $0
    print "model,system,threads,train_per_s,step_us,predict1_us,first_step_s,rss_mb,plan_bytes"
}
{
    key = $1 "," $2 "," $3
    if (!(key in seen)) order[++keys] = key
    seen[key] = 1
    for (field = 4; field <= NF; field++)
        if ($field != "") value[key, field, ++count[key, field]] = $field + 0
}

function median(key, field,    n, i, j, t, v) {
    n = count[key, field]
    if (!n) return ""
    for (i = 1; i <= n; i++) v[i] = value[key, field, i]
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
    return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

function digits(x, n) { return x == "" ? "" : sprintf("%." n "g", x) }

END {
    for (k = 1; k <= keys; k++) {
        key = order[k]
        split(key, part, ",")
        step = median(key, 4)
        rate = step == "" || step == 0 ? "" : sprintf("%.0f", batch[part[1]] * 1e6 / step)
        plan = median(key, 8)
        printf "%s,%s,%s,%s,%s,%s,%s\n", key, rate, digits(step, 5), digits(median(key, 5), 4),
            digits(median(key, 6), 3), digits(median(key, 7), 4),
            plan == "" ? "" : sprintf("%.0f", plan)
    }
}
