{{- define "nsupcall.name" -}}
{{- if contains "nsupcall" .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-nsupcall" .Release.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "nsupcall.selector" -}}
app.kubernetes.io/name: nsupcall
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "nsupcall.labels" -}}
{{ include "nsupcall.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "nsupcall.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}{{ else }}{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "nsupcall.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "nsupcall.name" .) }}
{{- end }}
