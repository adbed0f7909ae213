# name, env, overrides
cd /tmp/h/sep/main
n=$1; shift
nice -n 5 /work/main/.venv/bin/python -m training.train experiment=speechocean762_score_cpu stage=ctc data=/tmp/s/release model.name=/work/shared/models/whisper-base-encoder out=/tmp/h/sep/$n cache=/tmp/h/so/cache/shared 'report_to=[]' threads=1 "$@" > /tmp/h/sep/$n.log 2>&1
